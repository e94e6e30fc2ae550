/* SPDX-License-Identifier: Apache-2.0 */
/* The codec: every message survives a round trip, every truncation and extension is refused. */
#include <criterion/criterion.h>
#include <criterion/logging.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gofer/p9.h"
#include "util/bytes.h"

/* Distinct values for every field of every message, from a running counter. */
static uint64_t seed;

static uint64_t next(void)
{
	return ++seed * 0x0101010101010101ULL;
}

static struct p9_str some_str(void)
{
	static const char *const words[] = {"", "a", "name", "a rather long name with spaces"};

	return p9_str(words[++seed % 4]);
}

static struct p9_qid some_qid(void)
{
	return (struct p9_qid){(uint8_t)next(), (uint32_t)next(), next()};
}

static struct p9_attr some_attr(void)
{
	struct p9_attr attr = {.qid = some_qid()};

	attr.mode = (uint32_t)next();
	attr.rdev = next();
	attr.size = next();
	attr.btime_sec = next();
	attr.btime_nsec = (uint32_t)next();
	attr.flags = (uint32_t)next();
	return attr;
}

static struct p9_msg some_msg(uint8_t want)
{
	struct p9_msg msg;

	memset(&msg, 0, sizeof(msg));
	msg.type = want;
	msg.tag = (uint16_t)next();
	switch (want) {
#define P9_U8(f) m->f = (uint8_t)next();
#define P9_U16(f) m->f = (uint16_t)next();
#define P9_U32(f) m->f = (uint32_t)next();
#define P9_U64(f) m->f = next();
#define P9_STR(f) m->f = some_str();
#define P9_NAME(f) m->f = some_str();
#define P9_QID(f) m->f = some_qid();
#define P9_ATTR(f) m->f = some_attr();
#define P9_DATA(f) m->f = (struct p9_data){"some data", 9};
#define P9_NAMES(f)                                                                                \
	m->f.n = 3;                                                                                \
	for (int i = 0; i < 3; i++)                                                                \
		m->f.v[i] = some_str();
#define P9_QIDS(f)                                                                                 \
	m->f.n = P9_MAX_WALK;                                                                      \
	for (unsigned i = 0; i < P9_MAX_WALK; i++)                                                 \
		m->f.v[i] = some_qid();
#define P9_ATTRS(f)                                                                                \
	m->f.n = 2;                                                                                \
	for (int i = 0; i < 2; i++)                                                                \
		m->f.v[i] = some_attr();
#define P9_FIDS(f)                                                                                 \
	m->f.n = P9_MAX_CLUNK;                                                                     \
	for (unsigned i = 0; i < P9_MAX_CLUNK; i++)                                                \
		m->f.v[i] = (uint32_t)next();
#define P9_MSG(ENUM, name, type, fields)                                                           \
	case P9_##ENUM: {                                                                          \
		struct p9_##name *m = &msg.name;                                                   \
		(void)m;                                                                           \
		fields                                                                             \
	} break;
#include "gofer/p9_messages.def"
	}
	return msg;
}

static const uint8_t all_types[] = {
#define P9_MSG(ENUM, name, type, fields) P9_##ENUM,
#include "gofer/p9_messages.def"
};

static int encode(uint8_t *buf, size_t size, const struct p9_msg *msg)
{
	struct wr out;

	wr_init(&out, buf, size);
	return p9_encode(&out, msg);
}

static int decode(struct p9_msg *ret, const uint8_t *buf, size_t len)
{
	struct rd in;

	rd_init(&in, buf, len);
	return p9_decode(ret, &in);
}

Test(p9, every_message_survives_a_round_trip)
{
	for (size_t i = 0; i < sizeof(all_types); i++) {
		uint8_t one[8192];
		uint8_t two[8192];
		char text_one[2048];
		char text_two[2048];
		struct p9_msg msg = some_msg(all_types[i]);
		struct p9_msg back;
		int len = encode(one, sizeof(one), &msg);

		cr_assert_gt(len, 6, "%s", p9_type_name(msg.type));
		cr_assert_eq(decode(&back, one, (size_t)len), 0, "%s", p9_type_name(msg.type));
		cr_assert_eq(back.tag, msg.tag);
		cr_assert_eq(encode(two, sizeof(two), &back), len);
		cr_assert_arr_eq(one, two, (size_t)len);
		p9_print(text_one, sizeof(text_one), &msg);
		p9_print(text_two, sizeof(text_two), &back);
		cr_assert_str_eq(text_one, text_two);
		cr_assert_eq(strncmp(text_one, p9_type_name(msg.type), 4), 0);
	}
}

Test(p9, every_truncation_is_refused_whether_or_not_the_size_field_admits_it)
{
	for (size_t i = 0; i < sizeof(all_types); i++) {
		uint8_t buf[8192];
		struct p9_msg msg = some_msg(all_types[i]);
		struct p9_msg back;
		int len = encode(buf, sizeof(buf), &msg);

		for (uint32_t cut = 0; cut < (uint32_t)len; cut++) {
			/* an exact copy, so that a sanitizer sees any read past the end */
			uint8_t *copy = malloc(cut + 1U);

			memcpy(copy, buf, cut);
			cr_assert_eq(decode(&back, copy, cut), -EBADMSG);
			if (cut >= 4) {
				memcpy(copy, &cut, 4);
				cr_assert_eq(decode(&back, copy, cut), -EBADMSG);
			}
			free(copy);
		}
	}
}

Test(p9, bytes_after_the_last_field_are_refused)
{
	for (size_t i = 0; i < sizeof(all_types); i++) {
		uint8_t buf[8192] = {0};
		struct p9_msg msg = some_msg(all_types[i]);
		struct p9_msg back;
		uint32_t len = (uint32_t)encode(buf, sizeof(buf), &msg) + 1;

		memcpy(buf, &len, 4);
		cr_assert_eq(decode(&back, buf, len), -EBADMSG, "%s", p9_type_name(msg.type));
	}
}

Test(p9, every_short_output_buffer_is_reported)
{
	for (size_t i = 0; i < sizeof(all_types); i++) {
		uint8_t buf[8192];
		struct p9_msg msg = some_msg(all_types[i]);
		int len = encode(buf, sizeof(buf), &msg);

		for (size_t room = 0; room < (size_t)len; room++)
			cr_assert_eq(encode(buf, room, &msg), -EMSGSIZE);
	}
}

Test(p9, the_wire_form_of_a_walk_is_as_documented)
{
	static const uint8_t want[] = {25, 0, 0, 0, 110, 7, 0,	 1, 0, 0,   0,	 2,  0,
				       0,  0, 2, 0, 1,	 0, 'a', 3, 0, 'b', 'c', 'd'};
	uint8_t buf[64];
	struct p9_msg msg = {.type = P9_TWALK, .tag = 7};

	msg.twalk.fid = 1;
	msg.twalk.newfid = 2;
	msg.twalk.names.n = 2;
	msg.twalk.names.v[0] = p9_str("a");
	msg.twalk.names.v[1] = p9_str("bcd");
	cr_assert_eq(encode(buf, sizeof(buf), &msg), (int)sizeof(want));
	cr_assert_arr_eq(buf, want, sizeof(want));
}

Test(p9, a_standard_getattr_reply_has_153_bytes_after_its_header)
{
	uint8_t buf[256];
	struct p9_msg msg = {.type = P9_RGETATTR};

	cr_assert_eq(encode(buf, sizeof(buf), &msg), 7 + 153);
}

Test(p9, a_name_with_a_slash_is_refused)
{
	uint8_t buf[64];
	struct p9_msg back;
	struct p9_msg msg = {.type = P9_TMKDIR};

	msg.tmkdir.name = p9_str("a/b");
	cr_assert_eq(decode(&back, buf, (size_t)encode(buf, sizeof(buf), &msg)), -EBADMSG);
}

Test(p9, a_symlink_target_may_have_slashes)
{
	uint8_t buf[64];
	struct p9_msg back;
	struct p9_msg msg = {.type = P9_TSYMLINK};

	msg.tsymlink.name = p9_str("a");
	msg.tsymlink.target = p9_str("../b/c");
	cr_assert_eq(decode(&back, buf, (size_t)encode(buf, sizeof(buf), &msg)), 0);
	cr_assert(p9_str_eq(back.tsymlink.target, "../b/c"));
}

Test(p9, a_string_with_a_nul_is_refused)
{
	uint8_t buf[64];
	struct p9_msg back;
	struct p9_msg msg = {.type = P9_TVERSION};

	msg.tversion.version = (struct p9_str){"9P\0", 3};
	cr_assert_eq(decode(&back, buf, (size_t)encode(buf, sizeof(buf), &msg)), -EBADMSG);
}

Test(p9, a_walk_of_more_than_sixteen_names_is_refused)
{
	uint8_t buf[128] = {0};
	struct p9_msg back;
	uint32_t len = 7 + 8 + 2 + 17 * 2;

	memcpy(buf, &len, 4);
	buf[4] = P9_TWALK;
	buf[15] = 17;
	cr_assert_eq(decode(&back, buf, len), -EBADMSG);
}

Test(p9, an_unknown_type_is_refused_and_its_tag_is_known)
{
	static const uint8_t buf[] = {7, 0, 0, 0, 255, 5, 0};
	struct p9_msg back;

	cr_assert_eq(decode(&back, buf, sizeof(buf)), -EBADMSG);
	cr_assert_eq(back.tag, 5);
}

Test(p9, data_already_in_place_is_not_copied)
{
	uint8_t buf[64];
	struct p9_msg msg = {.type = P9_RREAD};

	memcpy(buf + P9_RREAD_HDR_LEN, "payload", 7);
	msg.rread.data = (struct p9_data){buf + P9_RREAD_HDR_LEN, 7};
	cr_assert_eq(encode(buf, sizeof(buf), &msg), (int)P9_RREAD_HDR_LEN + 7);
	cr_assert_arr_eq(buf + P9_RREAD_HDR_LEN, "payload", 7);
}

Test(p9, a_directory_entry_that_does_not_fit_leaves_the_output_usable)
{
	uint8_t buf[30];
	struct wr out;
	struct rd in;
	struct p9_dirent ent = {.type = 4, .offset = 9, .name = p9_str("abc")};
	struct p9_dirent back;

	wr_init(&out, buf, sizeof(buf));
	cr_assert_eq(p9_dirent_put(&out, &ent), 0);
	cr_assert_eq(p9_dirent_put(&out, &ent), -EMSGSIZE);
	cr_assert_eq(wr_len(&out), 27);
	rd_init(&in, buf, wr_len(&out));
	cr_assert_eq(p9_dirent_get(&back, &in), 1);
	cr_assert(p9_str_eq(back.name, "abc"));
	cr_assert_eq(p9_dirent_get(&back, &in), 0);
}

Test(p9, the_attribute_length_constant_is_true)
{
	uint8_t buf[512];
	struct wr out;
	struct rd in;
	struct p9_direntattr ent = {.attr = some_attr(), .offset = 9, .name = p9_str("abc")};
	struct p9_direntattr back;

	wr_init(&out, buf, sizeof(buf));
	cr_assert_eq(p9_direntattr_put(&out, &ent), 0);
	cr_assert_eq(wr_len(&out), P9_ATTR_LEN + 8 + 2 + 3);
	rd_init(&in, buf, wr_len(&out));
	cr_assert_eq(p9_direntattr_get(&back, &in), 1);
	cr_assert_eq(back.attr.rdev, ent.attr.rdev);
	cr_assert_eq(back.attr.flags, ent.attr.flags);
}

Test(p9, text_is_cut_to_the_buffer)
{
	char small[8];
	struct p9_msg msg = some_msg(P9_RWALKGETATTR);

	cr_assert_eq(p9_print(small, sizeof(small), &msg), sizeof(small) - 1);
	cr_assert_eq(p9_print(small, 0, &msg), 0);
}

static void frame_with_fd_arrives(int type)
{
	int sv[2];
	int fds[2];
	int got;
	uint8_t buf[64];
	struct p9_msg msg = {.type = P9_TCLUNK, .tag = 3};
	int len = encode(buf, sizeof(buf), &msg);

	cr_assert_eq(socketpair(AF_UNIX, type, 0, sv), 0);
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(p9_send(sv[0], buf, (size_t)len, fds[1]), 0);
	cr_assert_eq(p9_send(sv[0], buf, (size_t)len, -1), 0);
	cr_assert_eq(p9_recv(sv[1], buf, sizeof(buf), &got), len);
	cr_assert_geq(got, 0);
	cr_assert_eq(write(got, "x", 1), 1);
	close(got);
	cr_assert_eq(p9_recv(sv[1], buf, sizeof(buf), &got), len);
	cr_assert_eq(got, -1);
	close(sv[0]);
	cr_assert_eq(p9_recv(sv[1], buf, sizeof(buf), &got), 0);
}

Test(p9, an_fd_arrives_with_its_own_frame_on_a_stream)
{
	frame_with_fd_arrives(SOCK_STREAM);
}

Test(p9, an_fd_arrives_with_its_own_frame_on_a_seqpacket_socket)
{
	frame_with_fd_arrives(SOCK_SEQPACKET);
}

Test(p9, a_frame_larger_than_the_buffer_is_refused)
{
	int sv[2];
	uint8_t buf[64] = {65, 0, 0, 0, 120};

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	cr_assert_eq(write(sv[0], buf, 64), 64);
	cr_assert_eq(p9_recv(sv[1], buf, sizeof(buf), NULL), -EBADMSG);
}
