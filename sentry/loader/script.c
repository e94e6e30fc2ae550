/* SPDX-License-Identifier: Apache-2.0 */
/* The #! line as execve(2) describes it: an interpreter and at most one argument, in the first 255
 * bytes. The argument may be cut off there, the interpreter's name may not.
 */
#include "loader/script.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

int script_parse(struct script *ret, const char *buf, size_t len)
{
	const char *p, *end, *name, *stop;
	bool cut = false;

	if (len < 2 || buf[0] != '#' || buf[1] != '!')
		return -ENOEXEC;
	if (len > SCRIPT_BUF - 1)
		len = SCRIPT_BUF - 1;
	stop = buf + len;
	p = buf + 2;
	end = memchr(p, '\n', (size_t)(stop - p));
	if (!end) {
		/* A short file may lack the newline; a long line is cut. */
		end = memchr(p, 0, (size_t)(stop - p));
		if (!end) {
			end = stop;
			cut = len == SCRIPT_BUF - 1;
		}
	}
	while (p < end && blank(*p))
		p++;
	while (end > p && blank(end[-1]) && !cut)
		end--;
	name = p;
	while (p < end && !blank(*p) && *p)
		p++;
	if (p == name || (cut && p == end))
		return -ENOEXEC;
	memcpy(ret->interp, name, (size_t)(p - name));
	ret->interp[p - name] = 0;
	while (p < end && blank(*p))
		p++;
	while (cut && end > p && blank(end[-1]))
		end--;
	memcpy(ret->arg, p, (size_t)(end - p));
	ret->arg[end - p] = 0;
	return 0;
}
