/* SPDX-License-Identifier: Apache-2.0 */
/* The language of scripts and its errors. */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "script.h"

static int parse(struct script *s, const char *text, struct problem *problem)
{
	script_init(s);
	return script_parse(s, text, strlen(text), "case", problem);
}

Test(script, settings_and_actions_are_read)
{
	struct script s;
	struct problem p;

	cr_assert_eq(parse(&s,
			   "# a comment\naddr 10.0.0.1/24\nmtu 900\nset tcp_sack 0\n"
			   "1.5 write web.1 \"a \\\"b\\\"\\n\" # and a comment\n0.25 listen web "
			   "[fd00::1]:80\n",
			   &p),
		     0, "%s", p.text);
	script_sort(&s);
	cr_assert_eq(s.link.mtu, 900);
	cr_assert_eq(s.net.tunables.tcp_sack, 0);
	cr_assert_eq(s.n, 2);
	cr_assert_eq(s.actions[0].at, NET_MS(250));
	cr_assert_eq(s.actions[0].local.family, AF_INET6);
	cr_assert_eq(s.actions[1].len, 6);
	cr_assert_arr_eq(s.actions[1].data, "a \"b\"\n", 6);
	script_fini(&s);
}

Test(script, an_error_names_file_line_and_word)
{
	static const char *const wrong[][2] = {
		{"\nmtu 5\n", "case:2: mtu: 68 to 65535"},
		{"bogus 1\n", "case:1: bogus: no such setting"},
		{"0 dance c\n", "case:1: dance: no such action"},
		{"0 write c \"open\n", "case:1: the text has no end"},
		{"set tcp_bogus 1\n", "case:1: tcp_bogus: no such tunable"},
		{"addr 10.0.0.1\n", "case:1: addr: wants ADDRESS/LENGTH"},
		{"0 option c SO_BOGUS 1\n", "case:1: SO_BOGUS: no such option"},
		{"0 connect c 80\n", "case:1: 0: wants ADDRESS:PORT"},
	};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct script s;
		struct problem p;

		cr_assert_eq(parse(&s, wrong[i][0], &p), -EINVAL, "%s", wrong[i][0]);
		cr_assert_str_eq(p.text, wrong[i][1]);
		script_fini(&s);
	}
}
