/* SPDX-License-Identifier: Apache-2.0 */
/* Frames into a whole stack with sockets. The input is a series of records: one byte of what to do,
 * two bytes of length, the bytes. Addresses and checksums can be put right, so that the fuzzer gets
 * past them.
 */
#include "fuzz/fuzz_stack.h"

enum {
	ACT_FIX = 1,	/* right MAC, addresses and IPv4 checksum */
	ACT_VALID = 2,	/* transport checksum said to be good */
	ACT_TIME = 4,	/* time passes */
	ACT_GSO = 8,	/* super-segment metadata */
	ACT_WRITE = 16, /* the last socket sends the bytes */
	ACT_CLOSE = 32, /* the last accepted socket is closed */
};

static void fix(uint8_t *b, size_t len)
{
	if (len < 14)
		return;
	memcpy(b, fuzz_mac, 6);
	b[6] &= 0xfe;
	if (load_be16(b + 12) == ETH_TYPE_IP4 && len >= 34) {
		size_t hl = (b[14] & 15) * 4u;

		b[14] = (uint8_t)(0x40 | (b[14] & 15));
		store_be16(b + 16, (uint16_t)(len - 14));
		memcpy(b + 26, (uint8_t[]){10, 0, 0, (uint8_t)(2 + b[29] % 4)}, 4);
		memcpy(b + 30, (uint8_t[]){10, 0, 0, 1}, 4);
		store_be16(b + 24, 0);
		if (hl >= 20 && 14 + hl <= len)
			store_be16(b + 24, csum_fold(csum_add(0, b + 14, hl)));
	} else if (load_be16(b + 12) == ETH_TYPE_IP6 && len >= 54) {
		b[14] = (uint8_t)(0x60 | (b[14] & 15));
		store_be16(b + 18, (uint16_t)(len - 54));
		memset(b + 22, 0, 32);
		b[22] = b[38] = 0xfd;
		b[37] = 2;
		b[53] = 1;
	}
}

static void input(struct fuzz *f, uint8_t act, const uint8_t *data, size_t len)
{
	struct pkt *pkt = net_pkt_new(f->stack, len ? len : 1);
	struct net_offload off = {0};
	uint8_t *copy = malloc(len + 1);

	if (!pkt || !copy)
		goto out;
	memcpy(copy, data, len);
	if (act & ACT_FIX)
		fix(copy, len);
	must(net_pkt_fill(pkt, copy, len));
	if (act & ACT_VALID)
		off.flags = NET_OFFLOAD_DATA_VALID;
	if ((act & ACT_GSO) && len > 20) {
		off.gso_type = data[len - 1] & 5;
		off.gso_size = data[len - 2];
		off.flags |= NET_OFFLOAD_NEEDS_CSUM;
		off.csum_start = data[len - 3];
		off.csum_offset = data[len - 4];
	}
	net_pkt_set_offload(pkt, &off);
	must(net_link_input(f->stack, f->link, f->now, pkt));
	pkt = NULL;
out:
	net_pkt_free(pkt);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f;

	fuzz_init(&f);
	while (size >= 3) {
		uint8_t act = data[0];
		size_t len = load_be16(data + 1) & 0x7ff;

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		if (act & ACT_TIME)
			f.now += NET_MS(1) << (act >> 6 << 2);
		if (act & ACT_WRITE) {
			struct iovec iov = {(void *)data, len};
			struct net_msg msg = {.iov = &iov, .iov_len = 1};

			(void)net_sock_send(f.stack, f.sock[f.nsocks - 1], &msg, 0);
		} else if ((act & ACT_CLOSE) && f.nsocks > FUZZ_SOCKS) {
			net_sock_close(f.stack, f.sock[--f.nsocks]);
		} else {
			input(&f, act, data, len);
		}
		fuzz_drain(&f);
		data += len;
		size -= len;
	}
	fuzz_fini(&f);
	return 0;
}
