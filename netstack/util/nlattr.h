/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over netlink attributes (netlink(7), linux/netlink.h), for rtnetlink and nfnetlink alike. */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/cleanup.h"

/* The attribute at *pos, which moves behind it; @type with its flag bits. False: none is left, or what
 * is left is malformed. @payload is borrowed from @data. */
static inline bool nlattr_next(const uint8_t *data, size_t len, size_t *pos, uint16_t *type,
			       const uint8_t **payload, uint16_t *payload_len)
{
	struct nlattr a;

	if (*pos >= len || len - *pos < sizeof(a))
		return false;
	memcpy(&a, data + *pos, sizeof(a));
	if (a.nla_len < sizeof(a) || a.nla_len > len - *pos)
		return false;
	*type = a.nla_type;
	*payload = data + *pos + sizeof(a);
	*payload_len = (uint16_t)(a.nla_len - sizeof(a));
	*pos += MIN((size_t)NLA_ALIGN(a.nla_len), len - *pos);
	return true;
}
