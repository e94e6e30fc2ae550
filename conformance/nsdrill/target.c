/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets share. */
#include "nsdrill/target.h"

#include <stdlib.h>

int target_shell(const char *line, struct diag *diag)
{
	int status = system(line);

	return status == 0
		       ? 0
		       : diag_set(diag, (struct loc){0}, "command failed with status 0x%x: %.200s",
				  (unsigned)status, line);
}
