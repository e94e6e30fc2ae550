/* SPDX-License-Identifier: Apache-2.0 */
/* The config.json that "runsc spec" writes, and that "runsc do" starts from. */
#pragma once

#include <jansson.h>

/* New reference. @args (NULL-terminated or NULL: "sh" on a terminal). */
json_t *oci_default_config(const char *const *args);
