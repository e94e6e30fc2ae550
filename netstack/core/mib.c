/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the counters. */
#include "netstack/mib.h"

static const char *const groups[NET_MIB_COUNT] = {
#define MIB_GROUP_(group, name) #group,
	NET_MIB_LIST(MIB_GROUP_)
#undef MIB_GROUP_
};

static const char *const names[NET_MIB_COUNT] = {
#define MIB_NAME_(group, name) #name,
	NET_MIB_LIST(MIB_NAME_)
#undef MIB_NAME_
};

const char *net_mib_group(enum net_mib which)
{
	return (unsigned)which < NET_MIB_COUNT ? groups[which] : "?";
}

const char *net_mib_name(enum net_mib which)
{
	return (unsigned)which < NET_MIB_COUNT ? names[which] : "?";
}
