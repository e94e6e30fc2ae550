/* SPDX-License-Identifier: Apache-2.0 */
/* nf_tables messages, and packets through what they made. The input is a series of records: type, family, flags,
 * two bytes of length, the attributes; type 255 ends a transaction (family: commit or abort) and sends a packet. */
#include <arpa/inet.h>
#include <linux/netlink.h>

#include "fuzz/fuzz_stack.h"
#include "netstack/nf.h"

static void packet(struct fuzz *f, const uint8_t *data, size_t len)
{
	struct pkt *pkt = net_pkt_new(f->stack, 64);
	uint8_t b[64] = { 0 };

	if (!pkt)
		return;
	memcpy(b, fuzz_mac, 6);
	b[6] = 2;
	b[12] = 8;
	memcpy(b + 14, data, len < 40 ? len : 40);
	b[14] = 0x45;
	b[16] = 0;
	b[17] = 50;
	b[20] = b[21] = 0;
	memcpy(b + 26, (uint8_t[]){ 10, 0, 0, 2, 10, 0, 0, 1 }, 8);
	store_be16(b + 24, 0);
	store_be16(b + 24, csum_fold(csum_add(0, b + 14, 20)));
	must(net_pkt_fill(pkt, b, sizeof(b)));
	(void)net_link_input(f->stack, f->link, f->now, pkt);
	fuzz_drain(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_nf_error err = { 0 };
	struct net_nf_buf out = { 0 };
	struct fuzz f;

	fuzz_init(&f);
	net_nft_begin(f.stack);
	while (size >= 5) {
		uint8_t type = data[0], family = data[1] % 12;
		uint16_t flags = (uint16_t)(data[2] << 8);
		size_t len = (size_t)(data[3] << 8 | data[4]);

		data += 5;
		size -= 5;
		if (len > size)
			len = size;
		if (type == 255) {
			if (family & 1)
				net_nft_abort(f.stack);
			else
				net_nft_commit(f.stack);
			packet(&f, data, len);
			net_nft_begin(f.stack);
		} else {
			(void)net_nft_apply(f.stack, type % 32, family, flags, data, len, &out, &err);
		}
		data += len;
		size -= len;
	}
	net_nft_commit(f.stack);
	for (uint8_t type = 1; type < 26; type += 3)
		(void)net_nft_get(f.stack, type, 0, true, NULL, 0, &out, &err);
	net_nf_buf_fini(&out);
	fuzz_fini(&f);
	return 0;
}
