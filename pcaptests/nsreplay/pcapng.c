/* SPDX-License-Identifier: Apache-2.0 */
/* pcapng with directions, which libpcap does not show. */
#include "pcapng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"

#define BLOCK_SHB 0x0a0d0d0au
#define BLOCK_IDB 1u
#define BLOCK_EPB 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define OPT_END 0
#define OPT_COMMENT 1
#define OPT_EPB_FLAGS 2
#define OPT_IF_TSRESOL 9
#define LINKTYPE_ETHERNET 1
#define LINKTYPE_RAW 101
#define FILE_MAX (64u << 20)

static void put_option(struct wr *w, uint16_t code, const void *value, size_t len)
{
	wr_le16(w, code);
	wr_le16(w, (uint16_t)len);
	wr_bytes(w, value, len);
	wr_zero(w, -len & 3);
}

/* Writes a block around a body. */
static int put_block(FILE *to, uint32_t type, const struct wr *body)
{
	uint8_t head[8], tail[4];
	struct wr w;

	wr_init(&w, head, sizeof(head));
	wr_le32(&w, type);
	wr_le32(&w, (uint32_t)wr_len(body) + 12);
	wr_init(&w, tail, sizeof(tail));
	wr_le32(&w, (uint32_t)wr_len(body) + 12);
	if (wr_failed(body))
		return -EOVERFLOW;
	if (fwrite(head, 1, 8, to) != 8 ||
	    fwrite(body->start, 1, wr_len(body), to) != wr_len(body) || fwrite(tail, 1, 4, to) != 4)
		return -EIO;
	return 0;
}

static int put_frame(FILE *to, const struct frame *frame)
{
	size_t room = frame->have + 256;
	uint8_t *bytes = malloc(room), flags[4] = {frame->sent ? 2 : 1};
	uint64_t at = (uint64_t)frame->at;
	struct wr w;
	int r;

	if (!bytes)
		return -ENOMEM;
	wr_init(&w, bytes, room);
	wr_le32(&w, 0);
	wr_le32(&w, (uint32_t)(at >> 32));
	wr_le32(&w, (uint32_t)at);
	wr_le32(&w, frame->have);
	wr_le32(&w, frame->len);
	wr_bytes(&w, frame->bytes, frame->have);
	wr_zero(&w, -frame->have & 3);
	put_option(&w, OPT_EPB_FLAGS, flags, 4);
	if (frame->note)
		put_option(&w, OPT_COMMENT, frame->note, strlen(frame->note));
	put_option(&w, OPT_END, NULL, 0);
	r = put_block(to, BLOCK_EPB, &w);
	free(bytes);
	return r;
}

int pcapng_write(const struct capture *capture, const char *path, struct problem *problem)
{
	FILE *to = fopen(path, "wbe");
	uint8_t body[32], nano = 9;
	struct wr w;
	int r;

	if (!to)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	wr_init(&w, body, sizeof(body));
	wr_le32(&w, BYTE_ORDER_MAGIC);
	wr_le16(&w, 1);
	wr_le16(&w, 0);
	wr_le64(&w, UINT64_MAX); /* length of the section: not said */
	r = put_block(to, BLOCK_SHB, &w);
	wr_init(&w, body, sizeof(body));
	wr_le16(&w, capture->kind == FRAME_ETHER ? LINKTYPE_ETHERNET : LINKTYPE_RAW);
	wr_le16(&w, 0);
	wr_le32(&w, 0);
	put_option(&w, OPT_IF_TSRESOL, &nano, 1);
	put_option(&w, OPT_END, NULL, 0);
	if (!r)
		r = put_block(to, BLOCK_IDB, &w);
	for (size_t i = 0; i < capture->n && !r; i++)
		r = put_frame(to, &capture->frames[i]);
	if (fclose(to) && !r)
		r = -EIO;
	if (r)
		problem_set(problem, r, "%s: %s", path, strerror(-r));
	return r;
}

/* Direction, from the options of a packet block. */
static bool is_sent(struct rd *in)
{
	while (rd_left(in) >= 4) {
		uint16_t code = rd_le16(in), len = rd_le16(in);
		const uint8_t *value = rd_bytes(in, (len + 3u) & ~3u);

		if (code == OPT_END || !value)
			return false;
		if (code == OPT_EPB_FLAGS && len == 4)
			return (value[0] & 3) == 2;
	}
	return false;
}

static int get_frame(struct capture *ret, struct rd *in)
{
	const uint8_t *bytes;
	uint32_t have, len;
	uint64_t at;
	int r;

	rd_skip(in, 4);
	at = (uint64_t)rd_le32(in) << 32;
	at |= rd_le32(in);
	have = rd_le32(in);
	len = rd_le32(in);
	bytes = rd_bytes(in, have);
	rd_skip(in, -have & 3);
	if (rd_failed(in) || have > len || at > INT64_MAX)
		return -EINVAL;
	r = capture_add(ret, (net_time)at, bytes, have, len);
	if (!r)
		ret->frames[ret->n - 1].sent = is_sent(in);
	return r;
}

int pcapng_parse(struct capture *ret, const uint8_t *bytes, size_t len, const char *name,
		 struct problem *problem)
{
	struct capture capture = {0};
	unsigned block = 0;
	struct rd in;
	int r = 0;

	rd_init(&in, bytes, len);
	while (rd_left(&in) && !r) {
		uint32_t type = rd_le32(&in), total = rd_le32(&in);
		struct rd body;

		block++;
		if (rd_failed(&in) || total < 12 || total % 4 || total - 8 > rd_left(&in) ||
		    (block == 1 && type != BLOCK_SHB)) {
			r = -EINVAL;
			break;
		}
		body = rd_sub(&in, total - 12);
		if (rd_le32(&in) != total)
			r = -EINVAL;
		else if (type == BLOCK_SHB && rd_le32(&body) != BYTE_ORDER_MAGIC)
			r = -EINVAL;
		else if (type == BLOCK_IDB)
			capture.kind = rd_le16(&body) == LINKTYPE_ETHERNET ? FRAME_ETHER : FRAME_IP;
		else if (type == BLOCK_EPB)
			r = get_frame(&capture, &body);
	}
	if (r) {
		capture_fini(&capture);
		return problem_set(problem, r, "%s: block %u: %s", name, block,
				   r == -EINVAL ? "not what nsreplay writes" : strerror(-r));
	}
	*ret = capture;
	return 0;
}

int pcapng_read(struct capture *ret, const char *path, struct problem *problem)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *bytes;
	size_t len;
	int r;

	if (!file)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	fseek(file, 0, SEEK_END);
	len = (size_t)MAX(ftell(file), 0L);
	rewind(file);
	bytes = len <= FILE_MAX ? malloc(len + 1) : NULL;
	if (!bytes)
		r = problem_set(problem, -EFBIG, "%s: too long", path);
	else if (fread(bytes, 1, len, file) != len)
		r = problem_set(problem, -EIO, "%s: %s", path, strerror(EIO));
	else
		r = pcapng_parse(ret, bytes, len, path, problem);
	free(bytes);
	fclose(file);
	return r;
}
