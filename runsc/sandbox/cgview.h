/* SPDX-License-Identifier: Apache-2.0 */
/* What the container sees of its control group: the limits of config.json in the files of cgroups(7), in
 * the version that this host uses. The host's own groups have head-room and are not shown.
 */
#pragma once

#include "oci/spec.h"

/* "memory/memory.limit_in_bytes=1048576" ...: a list to be freed with cgview_free(). With @all, every
 * file; else those that @r sets (update). -ENOMEM. */
int cgview_files(const struct oci_resources *r, bool all, char ***ret, size_t *n);
void cgview_free(char **files, size_t n);
