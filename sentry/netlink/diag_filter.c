/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of inet_diag: a list of conditional jumps forward (linux/inet_diag.h). A program that was
 * checked ends, because every step goes forward, and never reads outside itself. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/diag.h"

#define OP_LEN sizeof(struct inet_diag_bc_op)

struct op {
	struct inet_diag_bc_op head;
	const uint8_t *arg;
	size_t arg_len;
};

static struct op op_at(const uint8_t *code, size_t len, size_t pos)
{
	struct op op = { .arg = code + pos + OP_LEN, .arg_len = len - pos - OP_LEN };

	memcpy(&op.head, code + pos, OP_LEN);
	return op;
}

/* How long an instruction is with its argument; 0: too short or unknown. */
static size_t need(const struct op *op)
{
	struct inet_diag_hostcond cond;
	size_t addr;

	switch (op->head.code) {
	case INET_DIAG_BC_S_COND:
	case INET_DIAG_BC_D_COND:
		if (op->arg_len < sizeof(cond))
			return 0;
		memcpy(&cond, op->arg, sizeof(cond));
		addr = cond.family == AF_INET ? 4 : cond.family == AF_INET6 ? 16 : 0;
		if (cond.family != AF_UNSPEC && !addr)
			return 0;
		if (cond.prefix_len > 8 * addr)
			return 0;
		return OP_LEN + sizeof(cond) + addr;
	case INET_DIAG_BC_DEV_COND:
		return OP_LEN + 4;
	case INET_DIAG_BC_MARK_COND:
		return OP_LEN + sizeof(struct inet_diag_markcond);
	case INET_DIAG_BC_S_EQ:
	case INET_DIAG_BC_D_EQ:
	case INET_DIAG_BC_S_GE:
	case INET_DIAG_BC_S_LE:
	case INET_DIAG_BC_D_GE:
	case INET_DIAG_BC_D_LE:
		return 2 * OP_LEN;
	case INET_DIAG_BC_AUTO:
	case INET_DIAG_BC_JMP:
	case INET_DIAG_BC_NOP:
		return OP_LEN;
	default:
		return 0;
	}
}

int diag_filter_check(const uint8_t *code, size_t len)
{
	size_t pos = 0;

	while (pos < len) {
		struct op op;
		size_t min;

		if (len - pos < OP_LEN)
			return -EINVAL;
		op = op_at(code, len, pos);
		min = need(&op);
		if (!min || min > len - pos)
			return -EINVAL;
		if (op.head.code != INET_DIAG_BC_NOP) {
			/* "no" may end one instruction behind the program: that says "reject". */
			if (op.head.no < min || op.head.no % 4 || op.head.no > len - pos + OP_LEN)
				return -EINVAL;
		}
		if (op.head.yes < min || op.head.yes % 4 || op.head.yes > len - pos)
			return -EINVAL;
		pos += op.head.yes;
	}
	return 0;
}

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & (0xff00 >> (bits % 8)) & 0xff) == 0;
}

static bool host_matches(const struct op *op, const struct net_sock_info *info, bool source)
{
	const struct net_endpoint *e = source ? &info->local : &info->remote;
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct inet_diag_hostcond cond;
	const uint8_t *addr = op->arg + sizeof(cond);
	bool v4;

	memcpy(&cond, op->arg, sizeof(cond));
	if (cond.port != -1 && cond.port != e->port)
		return false;
	/* The family of an endpoint is told apart from its socket's, as addresses are unmapped. */
	v4 = e->addr.family ? e->addr.family == AF_INET : info->family == AF_INET;
	if (cond.family != AF_UNSPEC && (cond.family == AF_INET) != v4) {
		if (cond.family != AF_INET6 || cond.prefix_len < 96 ||
		    memcmp(addr, mapped, sizeof(mapped)) != 0)
			return false;
		return prefix_equal(addr + 12, e->addr.v4, cond.prefix_len - 96u);
	}
	return cond.prefix_len == 0 || prefix_equal(addr, e->addr.bytes, cond.prefix_len);
}

static bool mark_matches(const struct op *op, uint32_t mark)
{
	struct inet_diag_markcond cond;

	memcpy(&cond, op->arg, sizeof(cond));
	return (mark & cond.mask) == cond.mark;
}

static bool matches(const struct op *op, const struct diag_entry *e)
{
	uint16_t sport = e->info->local.port, dport = e->info->remote.port;
	struct inet_diag_bc_op second = { 0 };
	uint32_t v = 0;

	if (op->arg_len >= sizeof(second))
		memcpy(&second, op->arg, sizeof(second));
	switch (op->head.code) {
	case INET_DIAG_BC_JMP:
		return false;
	case INET_DIAG_BC_S_EQ:
		return sport == second.no;
	case INET_DIAG_BC_S_GE:
		return sport >= second.no;
	case INET_DIAG_BC_S_LE:
		return sport <= second.no;
	case INET_DIAG_BC_D_EQ:
		return dport == second.no;
	case INET_DIAG_BC_D_GE:
		return dport >= second.no;
	case INET_DIAG_BC_D_LE:
		return dport <= second.no;
	case INET_DIAG_BC_S_COND:
		return host_matches(op, e->info, true);
	case INET_DIAG_BC_D_COND:
		return host_matches(op, e->info, false);
	case INET_DIAG_BC_DEV_COND:
		memcpy(&v, op->arg, sizeof(v));
		return (net_link_id)v == e->bound;
	case INET_DIAG_BC_MARK_COND:
		return mark_matches(op, e->mark);
	default:
		return true;
	}
}

bool diag_filter_run(const uint8_t *code, size_t len, const struct diag_entry *e)
{
	size_t pos = 0;

	while (pos < len) {
		struct op op = op_at(code, len, pos);

		pos += matches(&op, e) ? op.head.yes : op.head.no;
	}
	return pos == len;
}
