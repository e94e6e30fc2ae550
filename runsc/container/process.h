/* SPDX-License-Identifier: Apache-2.0 */
/* A process of the container, from the OCI form to what the sentry takes. */
#pragma once

#include <sentry/boot.h>
#include <stddef.h>

#include "oci/spec.h"

/* One exec request: struct control_exec and its blob in one block, to be freed. */
int process_to_control(const struct oci_process *p, const char *const *env, void **ret,
		       size_t *ret_len, struct cause *cause);

/* Fills what does not depend on descriptors. @arena provides the memory. */
int process_to_sentry(struct json_doc *arena, const struct oci_process *p, const char *const *env,
		      struct sentry_process *ret, struct cause *cause);

/* The environment: process.env, HOME from the container's /etc/passwd when it is missing, and
 * @extra (NULL-terminated or NULL). */
int process_env(struct json_doc *arena, const struct oci_process *p, int root_fd,
		const char *const *extra, const char *const **ret, struct cause *cause);

/* "1000", "1000:100", "name", "name:group", looked up in the container's files. */
int process_user(const char *text, int root_fd, struct oci_process *p, struct cause *cause);
