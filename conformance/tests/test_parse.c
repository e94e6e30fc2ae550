/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "nsdrill/script.h"
#include "nsdrill/symbols.h"

static struct diag diag;

static struct script *parse(const char *text)
{
	struct defines defines = {.list = {{"WHERE", "\"here\""}, {"N", "7"}}, .count = 2};
	struct script *script = NULL;

	diag = (struct diag){0};
	(void)!script_parse(&script, "t.pkt", text, strlen(text), &defines, NULL, NULL, &diag);
	return script;
}

static struct packet *packet_of(const char *line)
{
	struct script *s = parse(line);

	cr_assert(s, "%d:%d: %s", diag.at.line, diag.at.col, diag.text);
	return s->events->packet; /* the test's process ends soon */
}

static void refused(const char *text, int line, int col, const char *says)
{
	cr_assert_null(parse(text));
	cr_assert_eq(diag.at.line, line, "line %d: %s", diag.at.line, diag.text);
	cr_assert_eq(diag.at.col, col, "column %d: %s", diag.at.col, diag.text);
	cr_assert(strstr(diag.text, says), "%s", diag.text);
}

Test(parse, times_are_absolute_relative_any_or_ranges)
{
	struct script *s = parse("0 > . 1:1(0)\n+.1 > . 1:1(0)\n* > . 1:1(0)\n"
				 "1~2 > . 1:1(0)\n+.1~+.2 > . 1:1(0)\n");
	static const enum time_kind want[] = {TIME_ABSOLUTE, TIME_RELATIVE, TIME_ANY,
					      TIME_ABSOLUTE_RANGE, TIME_RELATIVE_RANGE};
	struct event *ev = s->events;

	for (int i = 0; i < 5; i++, ev = ev->next)
		cr_assert_eq(ev->time, want[i], "event %d", i);
	cr_assert_null(ev);
	cr_assert_eq(s->events->next->us, 100000);
	script_free(s);
}

Test(parse, only_expected_packets_have_ranges_as_times)
{
	refused("0 close(3) = 0\n* close(4) = 0\n", 2, 1, "outbound");
}

Test(parse, a_blocking_call_says_when_it_returns)
{
	struct script *s = parse("0...0.25 connect(3, ..., ...) = 0\n");

	cr_assert_eq(s->events->call.end_us, 250000);
	cr_assert_eq(s->events->call.nargs, 3);
	script_free(s);
}

Test(parse, a_result_may_have_an_errno_and_a_note)
{
	struct script *s =
		parse("0 read(3, ..., 1) = -1 EAGAIN (Resource temporarily unavailable)\n");

	cr_assert_str_eq(s->events->call.error, "EAGAIN");
	script_free(s);
}

Test(parse, structures_have_named_fields)
{
	struct script *s =
		parse("0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET, fd=4}) = 0");
	int64_t v;

	cr_assert_eq(eval_int(expr_field(s->events->call.args[3], "fd"), &v, &diag), 0);
	cr_assert_eq(v, 4);
	cr_assert_null(expr_field(s->events->call.args[3], "ptr"));
	script_free(s);
}

Test(parse, defined_words_are_replaced)
{
	struct script *s = parse("0 open(WHERE, N) = 3\n");

	cr_assert_eq(s->events->call.args[0]->kind, EXPR_STRING);
	cr_assert_str_eq(s->events->call.args[0]->text, "here");
	cr_assert_eq(s->events->call.args[1]->num, 7);
	script_free(s);
}

Test(parse, sequence_ranges_are_not_ipv6_addresses)
{
	struct packet *p =
		packet_of("0 < P. 1:1001(1000) ack 1 win 257 <sack 1:2 3001:4001,nop,nop>");

	cr_assert_eq(p->payload_len, 1000);
	cr_assert_eq(p->options_len, 20);
}

Test(parse, all_tcp_options)
{
	struct packet *p =
		packet_of("0 < S 0:0(0) win 1 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>");
	static const uint8_t want[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
				       0, 1, 0, 0,    0, 0, 1, 3,  3, 7};

	cr_assert_eq(p->options_len, sizeof(want));
	cr_assert_arr_eq(p->options, want, sizeof(want));
}

Test(parse, the_accecn_counter_is_the_three_ecn_bits)
{
	struct packet *p = packet_of("0 < P.5 1:2(1) ack 1 win 1");

	cr_assert(p->has_ace);
	cr_assert_eq(p->flags, FLAG_PSH | FLAG_ACK | FLAG_ECE | FLAG_AE);
}

Test(parse, a_fragment_has_identification_size_and_offset)
{
	struct packet *p = packet_of("0 < [frag 7:1480@0+] udp (2000)");

	cr_assert(p->ip.is_frag && p->ip.frag_more);
	cr_assert_eq(p->ip.frag_size, 1480);
}

Test(parse, outer_headers)
{
	struct packet *p =
		packet_of("0 < ipv4 1.1.1.1 > 2.2.2.2: gre flags [key present], sum 0, off 0, "
			  "key=5, seq 0: mpls (label 1, tc 2, [S], ttl 3): udp (10)");

	cr_assert_eq(p->nencap, 3);
	cr_assert_eq(p->encap[1].gre_key, 5);
	cr_assert_eq(p->encap[2].mpls[0], 1u << 12 | 2u << 9 | 0x100 | 3);
}

Test(parse, an_error_names_line_and_column)
{
	refused("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 < Q 0:0(0) win 1\n", 2, 6, "flag");
	refused("0 < S 0:0(0) win 1 <mss 70000>\n", 1, 25, "out of range");
	refused("0 < S 0:5(4) win 1\n", 1, 7, "bytes");
	refused("0 < S 0:0(0)\n", 1, 5, "window");
	refused("0 < S 0:0(0) win 1 <sackOK>\n", 1, 20, "multiple of 4");
	refused("0 `true\n", 1, 3, "not closed");
}

Test(parse, nesting_is_limited)
{
	refused("0 f([[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]) = 0\n", 1, 37, "deep");
}
