/* SPDX-License-Identifier: Apache-2.0 */
/* The log that engines read: --log and --log-format, in the words of runc. Errors also go to stderr
 * as "runsc: ...". In json format the file holds nothing but one object per line. */
#pragma once

#include <stdbool.h>

#include "cli/cause.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* @path NULL: stderr. Returns 0 or a negative errno with the cause. */
int log_open(const char *path, bool json, bool debug, struct cause *cause);
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The descriptor of the log file, or -1: processes that stay must not keep it. */
int log_fd(void);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
