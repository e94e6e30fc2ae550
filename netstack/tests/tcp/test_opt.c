/* SPDX-License-Identifier: Apache-2.0 */
/* Options of IPPROTO_TCP: each works or gives Linux's errno. */
#include "peer_test.h"

#include <string.h>

static struct peer *with_socket(void)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(net_sock_open(peer->stack, &peer->sock, AF_INET, SOCK_STREAM, 0), 0);
	return peer;
}

Test(tcp_opt, defaults_are_those_of_linux)
{
	static const struct {
		int name, value;
	} defaults[] = {
		{TCP_NODELAY, 0},	   {TCP_MAXSEG, 536},	  {TCP_CORK, 0},
		{TCP_KEEPIDLE, 7200},	   {TCP_KEEPINTVL, 75},	  {TCP_KEEPCNT, 9},
		{TCP_SYNCNT, 6},	   {TCP_LINGER2, 60},	  {TCP_DEFER_ACCEPT, 0},
		{TCP_WINDOW_CLAMP, 0},	   {TCP_QUICKACK, 1},	  {TCP_USER_TIMEOUT, 0},
		{TCP_FASTOPEN, 0},	   {25 /* NOTSENT */, 0}, {36 /* INQ */, 0},
		{16 /* THIN_LINEAR */, 0},
	};
	struct peer *peer = with_socket();

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		cr_assert_eq(peer_getopt(peer, IPPROTO_TCP, defaults[i].name), defaults[i].value,
			     "option %d is %d", defaults[i].name,
			     peer_getopt(peer, IPPROTO_TCP, defaults[i].name));
	peer_free(peer);
}

Test(tcp_opt, values_out_of_range_are_invalid)
{
	static const struct {
		int name, value;
	} bad[] = {
		{TCP_MAXSEG, 87},
		{TCP_MAXSEG, 32768},
		{TCP_KEEPIDLE, 0},
		{TCP_KEEPIDLE, 32768},
		{TCP_KEEPINTVL, 0},
		{TCP_KEEPINTVL, 40000},
		{TCP_KEEPCNT, 0},
		{TCP_KEEPCNT, 128},
		{TCP_SYNCNT, 0},
		{TCP_SYNCNT, 128},
		{TCP_USER_TIMEOUT, -1},
		{36, 2},
		{TCP_FASTOPEN, -1},
		{16, 2},
		{17, -1},
	};
	struct peer *peer = with_socket();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, bad[i].name, bad[i].value), -EINVAL,
			     "option %d value %d", bad[i].name, bad[i].value);
	peer_free(peer);
}

Test(tcp_opt, values_are_kept)
{
	static const struct {
		int name, value;
	} good[] = {
		{TCP_NODELAY, 1},
		{TCP_MAXSEG, 1000},
		{TCP_CORK, 1},
		{TCP_KEEPIDLE, 5},
		{TCP_KEEPINTVL, 6},
		{TCP_KEEPCNT, 7},
		{TCP_SYNCNT, 8},
		{TCP_LINGER2, 9},
		{TCP_USER_TIMEOUT, 1234},
		{25, 4096},
		{36, 1},
		{TCP_WINDOW_CLAMP, 20000},
		{TCP_QUICKACK, 0},
		{TCP_DEFER_ACCEPT, 7},
		{TCP_FASTOPEN, 5},
	};
	struct peer *peer = with_socket();

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, good[i].name, good[i].value), 0, "%d",
			     good[i].name);
		cr_assert_eq(peer_getopt(peer, IPPROTO_TCP, good[i].name), good[i].value, "%d",
			     good[i].name);
	}
	peer_free(peer);
}

Test(tcp_opt, what_is_not_there_says_so)
{
	static const struct {
		int name, err;
	} absent[] = {
		{TCP_MD5SIG, EINVAL},  {32, EINVAL},	{35, ENOPROTOOPT},
		{37, ENOPROTOOPT},	   {TCP_REPAIR, EPERM}, {TCP_TIMESTAMP, EPERM},
		{99, ENOPROTOOPT},	   {31, ENOENT},
	};
	struct peer *peer = with_socket();

	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, absent[i].name, 1), -absent[i].err,
			     "%d: %d", absent[i].name,
			     peer_setopt(peer, IPPROTO_TCP, absent[i].name, 1));
	cr_assert_eq(peer_getopt(peer, IPPROTO_TCP, 99), -ENOPROTOOPT);
	peer_free(peer);
}

Test(tcp_opt, short_values_are_invalid)
{
	struct peer *peer = with_socket();
	int one = 1;

	cr_assert_eq(net_sock_setopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_NODELAY, &one, 3, 0),
		     -EINVAL);
	peer_free(peer);
}

Test(tcp_opt, congestion_control_is_chosen_by_name)
{
	struct peer *peer = with_socket();
	char name[16] = "";
	socklen_t len = sizeof(name);

	cr_assert_eq(
		net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_CONGESTION, name, &len),
		0);
	cr_assert_str_eq(name, "cubic");
	cr_assert_eq(
		net_sock_setopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_CONGESTION, "reno", 4, 0),
		0);
	len = sizeof(name);
	cr_assert_eq(
		net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_CONGESTION, name, &len),
		0);
	cr_assert_str_eq(name, "reno");
	cr_assert_eq(
		net_sock_setopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_CONGESTION, "nope", 4, 0),
		-ENOENT);
	peer_free(peer);
}

Test(tcp_opt, maxseg_lowers_what_is_announced_and_sent)
{
	struct peer *peer = with_socket();

	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_MAXSEG, 1000), 0);
	cr_assert_eq(peer_connect(peer), -EINPROGRESS);
	EXPECT(MS(0), SEG(SYN, .seq = 0, .mss = 1000));
	peer_free(peer);
}

Test(tcp_opt, info_counts_what_happened)
{
	struct peer *peer = plain_peer();
	struct {
		uint8_t bytes[8];
		uint32_t words[24];
		uint64_t rates[4];
		uint32_t segs[6];
	} info;
	socklen_t len = sizeof(info);

	ESTABLISH();
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 300));
	cr_assert_eq(peer_write(peer, 500, 0), 500);
	RX(MS(30), SEG(ACK, .seq = 301, .ack = 501));
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, &info, &len),
		     0);
	cr_assert_eq(info.bytes[0], EST);
	cr_assert_eq(info.words[2], 1460, "snd_mss");
	cr_assert_eq(info.words[18], 10, "snd_cwnd");
	cr_assert_eq(info.rates[2], 500, "bytes_acked");
	cr_assert_eq(info.rates[3], 300, "bytes_received");
	peer_free(peer);
}

Test(tcp_opt, inq_is_reported_with_the_data)
{
	struct peer *peer = plain_peer();
	uint8_t data[100];
	struct iovec iov = {data, sizeof(data)};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, 36, 1), 0);
	RX(MS(10), SEG(ACK, .seq = 1, .ack = 1, .len = 300));
	cr_assert_eq(net_sock_recv(peer->stack, peer->sock, &msg, 0), 100);
	cr_assert(msg.ctl.has & NET_CTL_INQ);
	cr_assert_eq(msg.ctl.inq, 200);
	peer_free(peer);
}

Test(tcp_opt, notsent_lowat_makes_the_socket_unwritable_early)
{
	struct peer *peer = plain_peer();

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, 25, 5000), 0);
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .wnd_zero = true));
	cr_assert(peer_poll(peer) & EPOLLOUT);
	cr_assert_eq(peer_write(peer, 6000, 0), 6000);
	cr_assert_not(peer_poll(peer) & EPOLLOUT);
	peer_free(peer);
}

/* TCP_SAVE_SYN */
Test(tcp_opt, the_saved_syn_is_given_once)
{
	struct peer *peer = plain_peer();
	uint8_t syn[128];
	socklen_t len = 10;
	int one = 1;

	cr_assert_eq(peer_listen(peer), 0);
	cr_assert_eq(
		net_sock_setopt(peer->stack, peer->listener, IPPROTO_TCP, 27, &one, sizeof(one), 0),
		0);
	RX(MS(0), SEG(SYN, .mss = 1234));
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, 28, syn, &len), -EINVAL);
	len = sizeof(syn);
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, 28, syn, &len), 0);
	cr_assert_eq(len, 20 + 24);
	cr_assert_eq(syn[0], 0x45);
	cr_assert_eq(syn[20 + 13], TCP_FLAG_SYN);
	cr_assert_eq(syn[42] << 8 | syn[43], 1234);
	len = sizeof(syn);
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, 28, syn, &len), 0);
	cr_assert_eq(len, 0);
	peer_free(peer);
}

/* A thin stream does not back off at first. */
Test(tcp_opt, thin_linear_timeouts_keep_the_interval)
{
	struct peer *peer = plain_peer();
	struct peer_seg got;
	net_time at;

	ESTABLISH();
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1), 0);
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	peer_run(peer, MS(1700));
	cr_assert_eq(peer_pending(peer), 1 + 7);
	cr_assert(peer_peek(peer, 6, &at, &got));
	cr_assert_eq(at, MS(1200));
	peer_free(peer);
}

/* What the sender waited for: the peer's window for a second. */
Test(tcp_opt, info_says_how_long_the_peers_window_held_us_back)
{
	struct peer *peer = plain_peer();
	uint64_t info[40];
	socklen_t len = sizeof(info);

	ESTABLISH();
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1, .wnd_zero = true));
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	RX(MS(1001), SEG(ACK, .seq = 1, .ack = 1));
	RX(MS(1101), SEG(ACK, .seq = 1, .ack = 101));
	cr_assert_eq(net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, info, &len),
		     0);
	cr_assert_eq(info[21], 1100000, "busy_time %llu", (unsigned long long)info[21]);
	cr_assert_eq(info[22], 1000000, "rwnd_limited %llu", (unsigned long long)info[22]);
	peer_free(peer);
}
