/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as text. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "dissect.h"
#include "view.h"

/* 10.0.0.2:1 > 10.0.0.1:80, checksums right but for what a test breaks. */
static const uint8_t syn[] = {
	0x45, 0x00, 0x00, 0x2c, 0x00, 0x01, 0x40, 0x00, 0x40, 0x06, 0x26, 0xc9, 0x0a, 0x00, 0x00,
	0x02, 0x0a, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x50, 0x00, 0x00, 0x00, 0x09, 0x00, 0x00,
	0x00, 0x00, 0x60, 0x02, 0x01, 0x00, 0x82, 0xca, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4,
};

static void line(char *to, size_t size, const uint8_t *bytes, size_t have, size_t len,
		 struct flows *flows)
{
	struct frame frame = {
		.bytes = (uint8_t *)bytes, .have = (uint32_t)have, .len = (uint32_t)len};
	struct dis *dis = malloc(sizeof(*dis));

	dissect(dis, &frame, FRAME_IP, flows);
	dis_line(dis, to, size);
	free(dis);
}

Test(dissect, numbers_are_relative_to_the_syn)
{
	struct flows flows = {0};
	char text[512];

	line(text, sizeof(text), syn, sizeof(syn), sizeof(syn), &flows);
	cr_assert_str_eq(text, "ip 10.0.0.2 > 10.0.0.1 ttl 64 flags DF | tcp 1 > 80 flags S seq 0 "
			       "win 256 mss 1460");
	flows_fini(&flows);
}

Test(dissect, a_wrong_checksum_is_shown_and_not_remembered)
{
	struct flows flows = {0};
	uint8_t bytes[sizeof(syn)];
	char text[512];

	memcpy(bytes, syn, sizeof(syn));
	bytes[43]++;
	line(text, sizeof(text), bytes, sizeof(bytes), sizeof(bytes), &flows);
	cr_assert(strstr(text, "sum bad 0x82ca"), "%s", text);
	cr_assert_null(flows.list);
	flows_fini(&flows);
}

Test(dissect, every_prefix_of_a_packet_prints_something)
{
	char text[512];

	for (size_t n = 0; n <= sizeof(syn); n++) {
		struct flows flows = {0};

		line(text, sizeof(text), syn, n, n, &flows);
		cr_assert(n == sizeof(syn) || strstr(text, "malformed"), "%zu: %s", n, text);
		flows_fini(&flows);
	}
}

Test(dissect, what_a_short_snaplen_cut_is_not_called_malformed)
{
	struct flows flows = {0};
	char text[512];

	line(text, sizeof(text), syn, 40, sizeof(syn), &flows);
	cr_assert_null(strstr(text, "malformed"), "%s", text);
	cr_assert_null(strstr(text, "bad"), "%s", text);
	flows_fini(&flows);
}

Test(dissect, a_new_syn_on_old_ports_begins_anew)
{
	struct flows flows = {0};
	struct flow_seg first = {.seq = 100, .syn = true, .len = 1}, again = first;
	uint8_t a[4] = {1}, b[4] = {2};
	unsigned from;
	struct flow *flow = flow_get(&flows, 4, a, b, 1, 2, &from);

	flow_note(flow, from, &first);
	again.seq = 5000;
	flow_note(flow, from, &again);
	cr_assert_eq(flow->dir[from].isn, 5000);
	cr_assert_eq(flow_find(&flows, 4, b, a, 2, 1, &from), flow);
	cr_assert_eq(from, 1);
	flows_fini(&flows);
}

Test(view, headers_are_found_behind_extension_headers)
{
	uint8_t b[40 + 8 + 8] = {0x60, 0, 0, 0, 0, 16, 60};
	struct view v;

	b[40] = 17;
	view_ip(&v, b, sizeof(b), 0);
	cr_assert(v.ports);
	cr_assert_eq(v.l4, 48);
	b[41] = 9; /* longer than the packet */
	view_ip(&v, b, sizeof(b), 0);
	cr_assert_not(v.ports);
}
