/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison field by field. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

static void put(struct cmp_list *list, net_time at, const char *flags, const char *seq,
		const char *win, const char *id)
{
	const char *const fields[][2] = {
		{"tcp.flags", flags}, {"tcp.seq", seq}, {"tcp.win", win}, {"ip.id", id}};
	struct cmp_pkt *pkt = cmp_add(list);

	cr_assert_not_null(pkt);
	pkt->at = at;
	for (unsigned i = 0; i < 4; i++) {
		struct dis_field *f = &pkt->dis.f[pkt->dis.n++];

		f->name = fields[i][0];
		f->attr = i == 3 ? DIS_RANDOM : 0;
		snprintf(f->text, sizeof(f->text), "%s", fields[i][1]);
	}
}

static int differences(struct cmp_list *a, struct cmp_list *b, const struct cmp_rules *rules,
		       char **text)
{
	size_t len;
	FILE *to = open_memstream(text, &len);
	int n = cmp_print(to, a, b, rules, "captured", "replayed");

	fclose(to);
	return n;
}

Test(compare, random_fields_and_masked_ones_are_not_compared)
{
	struct cmp_list a = {0}, b = {0};
	struct cmp_rules none = {.tolerance = -1};
	struct cmp_rules mask = {
		.mask = (const char *const[]){"tcp.win"}, .nmask = 1, .tolerance = -1};
	struct cmp_rules also = mask;
	char *text;

	also.also = (const char *const[]){"ip.id"};
	also.nalso = 1;
	put(&a, 0, "S", "0", "100", "1");
	put(&b, 7, "S", "0", "200", "2");
	cr_assert_eq(differences(&a, &b, &none, &text), 1);
	cr_assert(strstr(text, "* tcp.win        100                                      200"),
		  "%s", text);
	free(text);
	cr_assert_eq(differences(&a, &b, &mask, &text), 0);
	free(text);
	cr_assert_eq(differences(&a, &b, &also, &text), 1);
	free(text);
	mask.tolerance = 6;
	cr_assert_eq(differences(&a, &b, &mask, &text), 1, "instants differ by more than allowed");
	free(text);
	cmp_fini(&a);
	cmp_fini(&b);
}

Test(compare, a_missing_packet_does_not_make_all_later_ones_differ)
{
	struct cmp_list a = {0}, b = {0};
	struct cmp_rules none = {.tolerance = -1};
	char *text;

	for (int i = 0; i < 5; i++) {
		char seq[8];

		snprintf(seq, sizeof(seq), "%d", i);
		put(&a, i, "A", seq, "1", "1");
		if (i != 2)
			put(&b, i, "A", seq, "1", "1");
	}
	put(&b, 9, "R", "9", "0", "1");
	cr_assert_eq(differences(&a, &b, &none, &text), 2);
	cr_assert(strstr(text, "difference 1: a packet is missing"), "%s", text);
	cr_assert(strstr(text, "difference 2: a packet was not expected"), "%s", text);
	free(text);
	cmp_fini(&a);
	cmp_fini(&b);
}
