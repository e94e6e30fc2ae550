/* SPDX-License-Identifier: Apache-2.0 */
/* The values behind sysctl.h. */
#include "core/sysctl.h"

struct sysctl_desc sysctl_vars[SYSCTL_N] = {
#define SYSCTL_VAR(id, name, def, min, max) [id] = {name, def, min, max},
	SYSCTL_VARS
#undef SYSCTL_VAR
};
