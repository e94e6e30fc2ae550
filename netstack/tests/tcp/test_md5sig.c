/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 2385: the MD5 signature option. */
#include "peer_test.h"
#include "tcp/md5sig.h"
#include "util/md5.h"

#include <string.h>

static void digest_of(const char *text, char *hex)
{
	uint8_t digest[MD5_DIGEST_LEN];
	struct md5 md5;

	md5_init(&md5);
	md5_add(&md5, text, strlen(text));
	md5_final(&md5, digest);
	for (int i = 0; i < MD5_DIGEST_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* RFC 1321 A.5 */
Test(md5, digests_of_the_test_suite)
{
	char hex[33];

	digest_of("", hex);
	cr_assert_str_eq(hex, "d41d8cd98f00b204e9800998ecf8427e");
	digest_of("abc", hex);
	cr_assert_str_eq(hex, "900150983cd24fb0d6963f7d28e17f72");
	digest_of("12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		  hex);
	cr_assert_str_eq(hex, "57edf4a22be3c955ac49da2e2107b67a");
}

struct user_key {
	struct sockaddr_storage addr;
	uint8_t flags, prefix;
	uint16_t len;
	int32_t ifindex;
	uint8_t key[80];
};

static struct user_key key_for(uint8_t last, const char *text)
{
	struct user_key key = {.len = (uint16_t)strlen(text)};
	struct sockaddr_in *in = (struct sockaddr_in *)&key.addr;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0x0a000100u + last);
	memcpy(key.key, text, key.len);
	return key;
}

Test(md5sig, keys_are_found_by_the_longest_prefix)
{
	struct user_key wide = key_for(0, "net"), host = key_for(7, "host");
	struct net_addr seven = {.family = AF_INET, .bytes = {10, 0, 1, 7}};
	struct net_addr nine = {.family = AF_INET, .bytes = {10, 0, 1, 9}};
	struct net_addr far = {.family = AF_INET, .bytes = {10, 0, 2, 9}};
	struct md5sig *keys = NULL;

	wide.flags = 1;
	wide.prefix = 24;
	cr_assert_eq(md5sig_set(&keys, AF_INET, &wide, sizeof(wide), true), 0);
	cr_assert_eq(md5sig_set(&keys, AF_INET, &host, sizeof(host), false), 0);
	cr_assert_eq(md5sig_find(keys, &seven, 0)->len, 4);
	cr_assert_eq(md5sig_find(keys, &nine, 0)->len, 3);
	cr_assert_null(md5sig_find(keys, &far, 0));
	host.len = 0;
	cr_assert_eq(md5sig_set(&keys, AF_INET, &host, sizeof(host), false), 0);
	cr_assert_eq(md5sig_set(&keys, AF_INET, &host, sizeof(host), false), -ENOENT);
	cr_assert_eq(md5sig_find(keys, &seven, 0)->len, 3);
	wide.prefix = 33;
	cr_assert_eq(md5sig_set(&keys, AF_INET, &wide, sizeof(wide), true), -EINVAL);
	cr_assert_eq(md5sig_set(&keys, AF_INET, &wide, 20, true), -EINVAL);
	md5sig_free(keys);
}

static void set_key(struct peer *peer, net_sock_id sock)
{
	struct user_key key = key_for(2, "secret");

	cr_assert_eq(net_sock_setopt(peer->stack, sock, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof(key),
				     0),
		     0);
}

/* What leaves is signed so that the receiver's computation agrees. */
Test(md5sig, segments_of_a_connection_with_a_key_are_signed)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_listen(peer), 0);
	set_key(peer, peer->listener);
	peer->md5 = "secret";
	RX(MS(0), SEG(SYN, .mss = 1460));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 1));
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	cr_assert_eq(peer_write(peer, 3000, 0), 3000);
	EXPECT(MS(1), SEG(ACK, .seq = 1, .ack = 1, .len = 1440));
	EXPECT(MS(1), SEG(ACK, .seq = 1441, .ack = 1, .len = 1440));
	EXPECT(MS(1), SEG(ACK, .seq = 2881, .ack = 1, .len = 120));
	cr_assert_eq(peer->bad_md5, 0, "every signature was right");
	cr_assert_eq(peer->bad_md5, 0);
	peer_free(peer);
}

Test(md5sig, unsigned_and_wrongly_signed_segments_are_dropped)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_listen(peer), 0);
	set_key(peer, peer->listener);
	RX(MS(0), SEG(SYN, .mss = 1460));
	NOTHING();
	peer->md5 = "other";
	RX(MS(1), SEG(SYN, .mss = 1460));
	NOTHING();
	cr_assert_eq(drops(peer, DROP_TCP_MD5), 2);
	peer_free(peer);
}

Test(md5sig, a_signature_that_nobody_asked_for_is_dropped)
{
	struct peer *peer = plain_peer();

	cr_assert_eq(peer_listen(peer), 0);
	RX(MS(0), SEG(SYN, .mss = 1460));
	EXPECT(MS(0), SEG(SYN_ACK, .seq = 0, .ack = 1));
	peer->md5 = "secret";
	RX(MS(1), SEG(ACK, .seq = 1, .ack = 1));
	NOTHING();
	cr_assert_eq(peer_accept(peer), -EAGAIN);
	cr_assert_eq(drops(peer, DROP_TCP_MD5), 1);
	peer->md5 = NULL;
	RX(MS(2), SEG(ACK, .seq = 1, .ack = 1));
	cr_assert_eq(peer_accept(peer), 0);
	peer_free(peer);
}
