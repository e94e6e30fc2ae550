/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7413: Fast Open, the parts and the conversations. */
#include "peer_test.h"
#include "tcp/fastopen.h"

#include <string.h>

#define FASTOPEN_CONNECT 30
#define FASTOPEN_KEY 33

static struct net_addr ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct net_addr){.family = AF_INET, .bytes = {a, b, c, d}};
}

/* A key and cookies that Linux makes with it: servers behind one address may be of both kinds. */
Test(fastopen, cookies_are_the_same_as_linux_makes)
{
	static const uint8_t want[2][8] = {{0x00, 0xab, 0xaa, 0xab, 0xe8, 0xe9, 0x54, 0xc2},
					   {0x76, 0xd2, 0xc1, 0xc5, 0x30, 0xf5, 0x1f, 0x79}};
	struct net_addr client = ip4(10, 248, 0, 2), server = ip4(192, 168, 0, 2);
	struct fastopen_cookie cookie;
	struct fastopen_keys keys;

	cr_assert_eq(fastopen_parse_keys(&keys, "a0bf63f7-ed803d81-cd641d30-cebc4a90"), 0);
	fastopen_make_cookie(&cookie, &keys.key[0], &client, &server);
	cr_assert_eq(memcmp(cookie.val, want[0], 8), 0);
	client.bytes[3] = server.bytes[3] = 3;
	fastopen_make_cookie(&cookie, &keys.key[0], &client, &server);
	cr_assert_eq(memcmp(cookie.val, want[1], 8), 0);
	cr_assert_eq(fastopen_check_cookie(&keys, &cookie, &client, &server), 1);
	cookie.val[0] ^= 1;
	cr_assert_eq(fastopen_check_cookie(&keys, &cookie, &client, &server), 0);
}

Test(fastopen, keys_of_a_wrong_form_are_refused)
{
	uint8_t bytes[32] = {1, 2, 3}, back[32];
	struct fastopen_keys keys = {0};

	cr_assert_eq(fastopen_set_keys(&keys, bytes, 3), -EINVAL);
	cr_assert_eq(fastopen_set_keys(&keys, bytes, 32), 0);
	cr_assert_eq(keys.count, 2);
	cr_assert_eq(fastopen_get_keys(&keys, back), 32);
	cr_assert_eq(memcmp(bytes, back, 32), 0);
	cr_assert_eq(fastopen_parse_keys(&keys, "1-2-3"), -EINVAL);
	cr_assert_eq(fastopen_parse_keys(&keys, "1-2-3-4,"), -EINVAL);
	cr_assert_eq(fastopen_parse_keys(&keys, "1-2-3-4,5-6-7-8"), 0);
	cr_assert_eq(keys.count, 2);
}

Test(fastopen, the_cache_forgets_the_least_recently_used)
{
	struct fastopen_cookie cookie = {.len = 8, .val = {9}}, got;
	struct net_addr local = ip4(10, 0, 0, 1), first = ip4(10, 1, 0, 0), second = ip4(10, 1, 0, 1);
	struct fastopen_cache cache;
	uint16_t mss;

	fastopen_cache_init(&cache);
	for (unsigned int i = 0; i < FASTOPEN_PEERS_MAX + 1; i++) {
		struct net_addr remote = ip4(10, 1, (uint8_t)(i >> 8), (uint8_t)i);

		fastopen_cache_set(&cache, &local, &remote, 1000, &cookie, 0);
	}
	cr_assert_eq(cache.count, FASTOPEN_PEERS_MAX);
	fastopen_cache_get(&cache, &local, &first, &mss, &got);
	cr_assert(!mss && !got.len);
	fastopen_cache_get(&cache, &local, &second, &mss, &got);
	cr_assert(mss == 1000 && got.len == 8);
	fastopen_cache_fini(&cache);
}

static void no_timestamps(struct net_config *cfg)
{
	cfg->tunables.tcp_timestamps = 0;
	cfg->tunables.tcp_fastopen = 3;
	strcpy(cfg->tunables.tcp_fastopen_key, "1-2-3-4");
}

static struct peer *fast_peer(void)
{
	struct peer_config cfg = {.sack = true, .tune = no_timestamps};
	struct peer *peer = peer_new(&cfg);

	cr_assert_not_null(peer);
	return peer;
}

/* A first connection that brings a cookie and an MSS. */
static void learn_cookie(struct peer *peer, const char *cookie, uint16_t mss)
{
	net_time at = peer->now - peer->start;

	cr_assert_eq(peer_sendto(peer, 0, MSG_FASTOPEN), -EINPROGRESS);
	EXPECT(at, SEG(SYN, .fo = true));
	RX(at + MS(1), SEG(SYN_ACK, .seq = 0, .ack = 1, .mss = mss, .sack_ok = true, .fo = true,
			   .fo_cookie = cookie));
	EXPECT(at + MS(1), SEG(ACK, .seq = 1, .ack = 1));
	peer_forget(peer);
}

static uint8_t info_byte(struct peer *peer, size_t off)
{
	uint8_t info[64];
	socklen_t len = sizeof(info);
	int r = net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, info, &len);

	cr_assert_eq(r, 0);
	return info[off];
}

#define SYN_DATA (info_byte(peer, 5) & 32)

Test(fastopen, data_goes_with_the_syn_once_a_cookie_is_known)
{
	struct peer *peer = fast_peer();

	learn_cookie(peer, "abcd1234", 940);
	cr_assert_eq(peer_sendto(peer, 2000, MSG_FASTOPEN), 900, "MSS less room for options");
	EXPECT(MS(1), SEG(SYN, .seq = 0, .len = 900, .fo = true, .fo_cookie = "abcd1234"));
	cr_assert_eq(peer_sendto(peer, 10, MSG_FASTOPEN), -EALREADY);
	RX(MS(20), SEG(SYN_ACK, .seq = 0, .ack = 901, .mss = 1460));
	EXPECT(MS(20), SEG(ACK, .seq = 901, .ack = 1));
	cr_assert(SYN_DATA);
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	EXPECT(MS(20), SEG(ACK, .seq = 901, .ack = 1, .len = 100));
	peer_free(peer);
}

Test(fastopen, data_that_was_not_accepted_follows_at_once)
{
	struct peer *peer = fast_peer();

	learn_cookie(peer, "abcd1234", 1460);
	cr_assert_eq(peer_sendto(peer, 1000, MSG_FASTOPEN), 1000);
	EXPECT(MS(1), SEG(SYN, .seq = 0, .len = 1000));
	RX(MS(20), SEG(SYN_ACK, .seq = 0, .ack = 1, .mss = 1460, .sack_ok = true));
	EXPECT(MS(20), SEG(ACK, .seq = 1, .ack = 1, .len = 1000));
	cr_assert(!SYN_DATA);
	RX(MS(40), SEG(ACK, .seq = 1, .ack = 1001));
	NOTHING();
	peer_free(peer);
}

/* RFC 7413 4.1.3.1 */
Test(fastopen, a_repeated_syn_is_an_ordinary_one)
{
	struct peer *peer = fast_peer();

	learn_cookie(peer, "abcd1234", 1460);
	cr_assert_eq(peer_sendto(peer, 1000, MSG_FASTOPEN), 1000);
	EXPECT(MS(1), SEG(SYN, .seq = 0, .len = 1000));
	EXPECT(MS(1001), SEG(SYN, .seq = 0, .no_fo = true));
	RX(MS(1020), SEG(SYN_ACK, .seq = 0, .ack = 1, .mss = 1460, .sack_ok = true));
	EXPECT(MS(1020), SEG(ACK, .seq = 1, .ack = 1, .len = 1000));
	peer_free(peer);
}

Test(fastopen, a_peer_that_ignores_the_option_is_asked_in_the_old_way)
{
	struct peer *peer = fast_peer();

	cr_assert_eq(peer_sendto(peer, 10, MSG_FASTOPEN), -EINPROGRESS);
	EXPECT(MS(0), SEG(SYN, .fo = true));
	RX(MS(1), SEG(SYN_ACK, .seq = 0, .ack = 1, .mss = 1460));
	peer_forget(peer);
	cr_assert_eq(peer_sendto(peer, 10, MSG_FASTOPEN), -EINPROGRESS);
	EXPECT(MS(1), SEG(SYN, .fo = true, .fo_exp = true));
	peer_free(peer);
}

Test(fastopen, connect_waits_for_data_if_asked_to)
{
	struct peer *peer = fast_peer();

	learn_cookie(peer, "abcd1234", 1460);
	cr_assert_eq(net_sock_open(peer->stack, &peer->sock, AF_INET, SOCK_STREAM, 0), 0);
	cr_assert_eq(peer_setopt(peer, IPPROTO_TCP, FASTOPEN_CONNECT, 1), 0);
	cr_assert_eq(peer_connect(peer), 0);
	cr_assert_eq(peer_connect(peer), -EISCONN);
	NOTHING();
	cr_assert(peer_poll(peer) & EPOLLOUT);
	cr_assert_eq(peer_read(peer, 10, 0), -EAGAIN);
	cr_assert_eq(peer_write(peer, 500, 0), 500);
	EXPECT(MS(1), SEG(SYN, .seq = 0, .len = 500, .fo = true, .fo_cookie = "abcd1234"));
	peer_free(peer);
}

Test(fastopen, the_client_side_can_be_off)
{
	struct peer *peer = fast_peer();
	struct net_tunables tun;

	net_stack_get_tunables(peer->stack, &tun);
	tun.tcp_fastopen = 2;
	cr_assert_eq(net_stack_set_tunables(peer->stack, &tun), 0);
	cr_assert_eq(peer_sendto(peer, 10, MSG_FASTOPEN), -EOPNOTSUPP);
	NOTHING();
	peer_free(peer);
}

static struct peer *fast_server(const char **ret_cookie)
{
	struct peer *peer = fast_peer();
	struct net_addr client = ip4(10, 0, 1, 2), server = ip4(10, 0, 1, 1);
	struct fastopen_keys keys;
	struct fastopen_cookie cookie;
	static char hex[20];

	cr_assert_eq(peer_listen(peer), 0);
	cr_assert_eq(net_sock_setopt(peer->stack, peer->listener, IPPROTO_TCP, TCP_FASTOPEN,
				     &(int){2}, 4, 0),
		     0);
	cr_assert_eq(fastopen_parse_keys(&keys, "1-2-3-4"), 0);
	fastopen_make_cookie(&cookie, &keys.key[0], &client, &server);
	for (int i = 0; i < 8; i++)
		snprintf(hex + 2 * i, 3, "%02x", cookie.val[i]);
	*ret_cookie = hex;
	return peer;
}

Test(fastopen, a_server_gives_a_cookie_and_then_takes_data_on_the_syn)
{
	const char *cookie;
	struct peer *peer = fast_server(&cookie);

	RX(MS(0), SEG(SYN, .mss = 1460, .len = 10, .fo = true));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 1, .fo = true, .fo_cookie = cookie));
	cr_assert_eq(peer_accept(peer), -EAGAIN);
	RX(MS(1), SEG(RST, .seq = 1));
	peer->know_iss = false;
	peer->port++;
	peer_rx_from(peer, MS(2), peer->port,
		     SEG(SYN, .mss = 1460, .len = 10, .fo = true, .fo_cookie = cookie));
	EXPECT(MS(2), SEG(SYN_ACK, .seq = 0, .ack = 11, .no_fo = true));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_read(peer, 100, 0), 10);
	cr_assert(SYN_DATA);
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	EXPECT(MS(2), SEG(ACK, .seq = 1, .ack = 11, .len = 100));
	RX(MS(10), SEG(ACK, .seq = 11, .ack = 101));
	cr_assert_eq(peer_state(peer), EST);
	NOTHING();
	peer_free(peer);
}

Test(fastopen, a_wrong_cookie_is_answered_with_the_right_one)
{
	const char *cookie;
	struct peer *peer = fast_server(&cookie);

	RX(MS(0), SEG(SYN, .mss = 1460, .len = 10, .fo = true, .fo_cookie = "0102030405060708"));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 1, .fo = true, .fo_cookie = cookie));
	cr_assert_eq(peer_accept(peer), -EAGAIN);
	peer_free(peer);
}

Test(fastopen, a_reset_leaves_the_data_to_be_read)
{
	const char *cookie;
	struct peer *peer = fast_server(&cookie);

	RX(MS(0), SEG(SYN, .mss = 1460, .len = 10, .fo = true, .fo_cookie = cookie));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 11));
	RX(MS(1), SEG(RST_ACK, .seq = 11, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_read(peer, 100, 0), 10);
	cr_assert_eq(peer_read(peer, 100, 0), -ECONNRESET);
	peer_free(peer);
}

/* The SYN|ACK is repeated, and nothing else, until the handshake is complete. */
Test(fastopen, the_syn_ack_is_repeated_alone)
{
	const char *cookie;
	struct peer *peer = fast_server(&cookie);

	RX(MS(0), SEG(SYN, .mss = 1460, .len = 10, .fo = true, .fo_cookie = cookie));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 11));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_write(peer, 100, 0), 100);
	EXPECT(MS(0), SEG(ACK, .seq = 1, .ack = 11, .len = 100));
	EXPECT(MS(1000), SEG(SYN_ACK, .seq = 0, .ack = 11));
	NOTHING();
	peer_free(peer);
}

Test(fastopen, the_queue_of_a_listener_is_bounded)
{
	const char *cookie;
	struct peer *peer = fast_server(&cookie);

	for (uint16_t i = 0; i < 3; i++)
		peer_rx_from(peer, MS(i), (uint16_t)(41000 + i),
			     SEG(SYN, .mss = 1460, .len = 10, .fo = true, .fo_cookie = cookie));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_accept(peer), -EAGAIN, "TCP_FASTOPEN said two");
	peer_free(peer);
}
