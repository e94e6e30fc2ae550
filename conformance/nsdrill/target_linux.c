/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include "nsdrill/target.h"
int target_linux_new(struct target **ret, const struct config *cfg, struct diag *diag)
{
	(void)ret;(void)cfg;
	return diag_set(diag, (struct loc){0}, "not yet");
}
