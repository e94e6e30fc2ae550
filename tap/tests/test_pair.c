/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include "tap/tap.h"

static void pair_new(struct frame_io *io[2])
{
	cr_assert_eq(frame_io_pair_new(io, 1500, TAP_OFFLOAD_ALL), 0);
}

static void send_bytes(struct frame_io *io, const void *data, size_t len, struct tap_meta meta)
{
	struct iovec iov = {(void *)data, len};
	struct tap_frame f = {.iov = &iov, .n_iov = 1, .meta = meta};

	cr_assert_eq(frame_io_send(io, &f, 1), 1);
}

Test(pair, a_batch_arrives_in_order_with_its_lengths)
{
	struct frame_io *io[2];
	struct tap_frame f[10];
	struct iovec iov[10];
	char out[10][4], in[10][64];

	pair_new(io);
	for (int i = 0; i < 10; i++) {
		memset(out[i], 'a' + i, sizeof(out[i]));
		iov[i] = (struct iovec){out[i], (size_t)i % 4 + 1};
		f[i] = (struct tap_frame){.iov = &iov[i], .n_iov = 1};
	}
	cr_assert_eq(frame_io_send(io[0], f, 10), 10);
	for (int i = 0; i < 10; i++) {
		iov[i] = (struct iovec){in[i], sizeof(in[i])};
		f[i] = (struct tap_frame){.iov = &iov[i], .n_iov = 1};
	}
	cr_assert_eq(frame_io_recv(io[1], f, 10), 10);
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(f[i].len, (uint32_t)i % 4 + 1);
		cr_assert_eq(in[i][0], 'a' + i);
	}
	frame_io_free(io[0]);
	frame_io_free(io[1]);
}

Test(pair, offload_metadata_survives)
{
	struct tap_meta meta = {.flags = TAP_META_NEEDS_CSUM | TAP_META_GSO_ECN,
				.gso = TAP_GSO_TCP6,
				.hdr_len = 74,
				.gso_size = 1440,
				.csum_start = 54,
				.csum_offset = 16};
	struct frame_io *io[2];
	char buf[64];
	struct iovec iov = {buf, sizeof(buf)};
	struct tap_frame f = {.iov = &iov, .n_iov = 1};

	pair_new(io);
	send_bytes(io[0], "x", 1, meta);
	cr_assert_eq(frame_io_recv(io[1], &f, 1), 1);
	cr_assert_eq(memcmp(&f.meta, &meta, sizeof(meta)), 0);
	frame_io_free(io[0]);
	frame_io_free(io[1]);
}

Test(pair, a_super_frame_of_64_KiB_is_scattered_over_the_given_buffers)
{
	const size_t len = 65536 + 14;
	struct frame_io *io[2];
	uint8_t *out = malloc(len), *in = malloc(len);
	struct iovec iov[3] = {{in, 2048}, {in + 2048, 30000}, {in + 32048, len - 32048}};
	struct tap_frame f = {.iov = iov, .n_iov = 3};

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 7);
	pair_new(io);
	send_bytes(io[0], out, len, (struct tap_meta){0});
	cr_assert_eq(frame_io_recv(io[1], &f, 1), 1);
	cr_assert_eq(f.len, len);
	cr_assert_not(f.cut);
	cr_assert_eq(memcmp(out, in, len), 0);
	frame_io_free(io[0]);
	frame_io_free(io[1]);
	free(out);
	free(in);
}

Test(pair, a_frame_longer_than_the_room_is_cut_and_says_so)
{
	struct frame_io *io[2];
	char buf[4];
	struct iovec iov = {buf, sizeof(buf)};
	struct tap_frame f = {.iov = &iov, .n_iov = 1};

	pair_new(io);
	send_bytes(io[0], "longer", 6, (struct tap_meta){0});
	cr_assert_eq(frame_io_recv(io[1], &f, 1), 1);
	cr_assert(f.cut);
	cr_assert_eq(f.len, 4u);
	frame_io_free(io[0]);
	frame_io_free(io[1]);
}

Test(pair, nothing_there_is_zero_and_a_full_peer_takes_fewer)
{
	struct frame_io *io[2];
	static char big[60000];
	struct iovec iov = {big, sizeof(big)};
	struct tap_frame f[200];
	int sent;

	pair_new(io);
	for (int i = 0; i < 200; i++)
		f[i] = (struct tap_frame){.iov = &iov, .n_iov = 1};
	cr_assert_eq(frame_io_recv(io[1], f, 10), 0);
	sent = frame_io_send(io[0], f, 200);
	cr_assert(sent > 0 && sent < 200, "sent %d", sent);
	cr_assert_eq(frame_io_send(io[0], f, 1), 0);
	frame_io_free(io[0]);
	frame_io_free(io[1]);
}

Test(pair, a_closed_peer_is_told)
{
	struct frame_io *io[2];
	char buf[4];
	struct iovec iov = {buf, sizeof(buf)};
	struct tap_frame f = {.iov = &iov, .n_iov = 1};

	pair_new(io);
	frame_io_free(io[0]);
	cr_assert_eq(frame_io_recv(io[1], &f, 1), -ECONNRESET);
	cr_assert_eq(frame_io_send(io[1], &f, 1), -EPIPE);
	frame_io_free(io[1]);
}

Test(pair, counters_tell_what_passed)
{
	struct frame_io *io[2];
	struct tap_counters c;

	pair_new(io);
	send_bytes(io[0], "abc", 3, (struct tap_meta){0});
	frame_io_counters(io[0], &c);
	cr_assert_eq(c.tx_frames, 1u);
	frame_io_free(io[0]);
	frame_io_free(io[1]);
}
