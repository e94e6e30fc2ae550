/* SPDX-License-Identifier: Apache-2.0 */
/* struct tcp_info as Python assignments. */
#pragma once

#include <stddef.h>

typedef void tcp_info_put_fn(void *ctx, const char *fmt, ...);

/* The kernel's constants always; of @info's fields those that @text mentions. Fields beyond @len
 * are zero. */
void tcp_info_python(const void *info, size_t len, const char *text, tcp_info_put_fn *put,
		     void *ctx);
