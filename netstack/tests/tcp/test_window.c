/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9293 3.8.6 and RFC 7323 2. */
#include <criterion/criterion.h>

#include "tcp/window.h"

static struct rcv_window win_default(void)
{
	struct rcv_window win;

	window_init(&win, 131072, 6291456, 1460, true, false);
	return win;
}

Test(tcp_window, default_buffers_offer_64240_with_scale_7)
{
	struct rcv_window win = win_default();

	cr_assert_eq(win.wnd, 64240);
	cr_assert_eq(win.wscale, 7);
}

Test(tcp_window, scale_is_chosen_for_the_largest_buffer_and_at_most_14)
{
	struct rcv_window win;

	window_init(&win, 4096, 4096, 1460, true, false);
	cr_assert_eq(win.wscale, 0);
	window_init(&win, 131072, 0xffffffffu, 1460, true, false);
	cr_assert_leq(win.wscale, WINDOW_SCALE_MAX);
	window_init(&win, 131072, 6291456, 1460, false, false);
	cr_assert_eq(win.wscale, 0);
}

/* RFC 9293 3.8.6 (MUST-34, SHLD-14): the right edge does not move left. */
Test(tcp_window, the_right_edge_never_moves_left)
{
	struct rcv_window win = win_default();
	struct seq edge;

	win.wup = SEQ(1000);
	edge = seq_add(win.wup, win.wnd);
	for (uint32_t got = 0; got < 60000; got += 1000) {
		window_select(&win, SEQ(1000 + got), got);
		cr_assert(seq_ge(seq_add(win.wup, win.wnd), edge));
		edge = seq_add(win.wup, win.wnd);
	}
}

/* RFC 9293 3.8.6.2.2 */
Test(tcp_window, a_small_opening_is_not_offered)
{
	struct rcv_window win = win_default();

	win.mss = 1460;
	cr_assert_eq(window_candidate(&win, 65536 - 1000), 0);
	cr_assert_eq(window_candidate(&win, 65536 - 4000), 0, "less than a sixteenth");
	cr_assert_geq(window_candidate(&win, 65536 - 8192), 4096);
}

Test(tcp_window, threshold_opens_with_arriving_data_and_is_bounded_by_the_buffer)
{
	struct rcv_window win = win_default();
	uint32_t before = win.ssthresh;

	window_grow(&win, 1460, 0);
	cr_assert_gt(win.ssthresh, before);
	for (int i = 0; i < 1000; i++)
		window_grow(&win, 1460, 0);
	cr_assert_leq(win.ssthresh, 65536);
}

Test(tcp_window, tiny_segments_do_not_open_the_threshold)
{
	struct rcv_window win = win_default();
	uint32_t before = win.ssthresh;

	window_grow(&win, 100, 0);
	cr_assert_eq(win.ssthresh, before);
}

Test(tcp_window, buffer_doubles_when_the_application_keeps_up)
{
	struct rcv_window win = win_default();

	win.space = 64240;
	win.space_seq = SEQ(0);
	window_rtt_by_ts(&win, NET_MS(10));
	window_adjust_space(&win, SEQ(65000), 6291456, true, NET_MS(5));
	cr_assert_eq(win.buf, 131072, "not within a round trip");
	window_adjust_space(&win, SEQ(65000), 6291456, true, NET_MS(11));
	cr_assert_gt(win.buf, 2 * 131072);
	cr_assert_leq(win.buf, 6291456);
}

Test(tcp_window, a_buffer_set_by_the_user_stays)
{
	struct rcv_window win;

	window_init(&win, 20000, 6291456, 1460, true, true);
	win.space = 1000;
	window_rtt_by_ts(&win, NET_MS(1));
	window_adjust_space(&win, SEQ(100000), 6291456, true, NET_SEC(1));
	cr_assert_eq(win.buf, 20000);
}

Test(tcp_window, ten_segments_of_ethernet_size_need_87040_bytes_of_send_buffer)
{
	cr_assert_eq(window_sndbuf(1460, 10, 3), 87040);
}
