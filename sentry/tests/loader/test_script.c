/* SPDX-License-Identifier: Apache-2.0 */
/* loader/script: the #! line (execve(2)). */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "loader/script.h"

static struct script line;

static int parse(const char *s)
{
	memset(&line, 0, sizeof(line));
	return script_parse(&line, s, strlen(s));
}

Test(loader_script, interpreter_alone)
{
	cr_assert_eq(parse("#!/bin/sh\necho\n"), 0);
	cr_assert_str_eq(line.interp, "/bin/sh");
	cr_assert_str_eq(line.arg, "");
}

Test(loader_script, one_argument_keeps_its_inner_blanks)
{
	cr_assert_eq(parse("#! \t/usr/bin/env  -S a b \t\nx"), 0);
	cr_assert_str_eq(line.interp, "/usr/bin/env");
	cr_assert_str_eq(line.arg, "-S a b");
}

Test(loader_script, a_short_file_needs_no_newline)
{
	cr_assert_eq(parse("#!/bin/cat"), 0);
	cr_assert_str_eq(line.interp, "/bin/cat");
}

Test(loader_script, nothing_after_the_mark_is_no_script)
{
	cr_assert_eq(parse("#!\n/bin/sh"), -ENOEXEC);
	cr_assert_eq(parse("#!   \n"), -ENOEXEC);
	cr_assert_eq(parse("#!"), -ENOEXEC);
	cr_assert_eq(parse("#"), -ENOEXEC);
	cr_assert_eq(parse(""), -ENOEXEC);
	cr_assert_eq(parse("\177ELF"), -ENOEXEC);
}

Test(loader_script, a_cut_interpreter_is_refused_a_cut_argument_is_not)
{
	char buf[400];

	memset(buf, 'a', sizeof(buf));
	memcpy(buf, "#!/", 3);
	cr_assert_eq(script_parse(&line, buf, 256), -ENOEXEC);
	buf[20] = ' ';
	cr_assert_eq(script_parse(&line, buf, 256), 0);
	cr_assert_eq(strlen(line.interp), 18);
	cr_assert_eq(strlen(line.arg), 255 - 21);
}
