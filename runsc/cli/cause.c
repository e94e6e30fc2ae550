/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cause.h"

#include <stdio.h>
#include <string.h>

int cause_set(struct cause *c, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	return r;
}

int cause_errno(struct cause *c, int r, const char *fmt, ...)
{
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	len = strlen(c->text);
	snprintf(c->text + len, sizeof(c->text) - len, ": %s", strerror(-r));
	return r;
}
