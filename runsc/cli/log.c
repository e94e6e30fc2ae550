/* SPDX-License-Identifier: Apache-2.0 */
/* One process-wide logger: the command line has one log. */
#include "cli/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	int fd;
	bool json, debug;
} logger = {.fd = -1};

int log_open(const char *path, bool json, bool debug, struct cause *cause)
{
	logger.json = json;
	logger.debug = debug;
	if (!path || !path[0])
		return 0;
	logger.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (logger.fd < 0)
		return cause_errno(cause, -errno, "--log: %s", path);
	return 0;
}

int log_fd(void)
{
	return logger.fd;
}

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static const char *level_name(enum log_level level)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};

	return names[level];
}

/* One write per line, so that concurrent commands can share the file. */
static void write_json(const char *level, const char *msg, const char *when)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "level", level, "msg", msg, "time", when);
	/* A message that is not UTF-8 is still an error that must be reported. */
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	char line[2048];

	if (text)
		snprintf(line, sizeof(line), "%s\n", text);
	else
		snprintf(line, sizeof(line),
			 "{\"level\":\"%s\",\"msg\":\"(not UTF-8)\",\"time\":\"%s\"}\n", level,
			 when);
	write_all(logger.fd, line, strlen(line));
	free(text);
	json_decref(o);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char msg[1100], when[40], line[1300];
	struct tm tm;
	time_t now = time(NULL);
	va_list ap;

	if (level == LOG_LEVEL_DEBUG && !logger.debug)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));

	if (logger.fd >= 0 && logger.json) {
		write_json(level_name(level), msg, when);
	} else if (logger.fd >= 0) {
		snprintf(line, sizeof(line), "time=\"%s\" level=%s msg=\"%s\"\n", when,
			 level_name(level), msg);
		write_all(logger.fd, line, strlen(line));
	}
	if (level == LOG_LEVEL_ERROR)
		snprintf(line, sizeof(line), "runsc: %s\n", msg);
	else if (logger.fd < 0)
		snprintf(line, sizeof(line), "runsc: %s: %s\n", level_name(level), msg);
	else
		return;
	write_all(STDERR_FILENO, line, strlen(line));
}
