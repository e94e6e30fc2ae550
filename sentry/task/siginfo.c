/* SPDX-License-Identifier: Apache-2.0 */
/* The 128 bytes of Linux's siginfo_t (sigaction(2)): which members a signal has follows from its
 * number and si_code, as in Linux's siginfo_layout.
 */
#include <string.h>

#include "task/internal.h"

enum layout {
	LAYOUT_KILL,
	LAYOUT_TIMER,
	LAYOUT_POLL,
	LAYOUT_FAULT,
	LAYOUT_CHLD,
	LAYOUT_RT,
	LAYOUT_SYS
};

static enum layout layout_of(int signo, int code)
{
	if (code > SI_USER_ && code < SI_KERNEL_) {
		switch (signo) {
		case SIGILL:
		case SIGFPE:
		case SIGSEGV:
		case SIGBUS:
		case SIGTRAP:
			return LAYOUT_FAULT;
		case SIGCHLD:
			return LAYOUT_CHLD;
		case SIGSYS:
			return LAYOUT_SYS;
		default:
			return code <= 6 /* NSIGPOLL */ ? LAYOUT_POLL : LAYOUT_KILL;
		}
	}
	if (code == SI_TIMER_)
		return LAYOUT_TIMER;
	if (code == -5 /* SI_SIGIO */)
		return LAYOUT_POLL;
	return code < 0 ? LAYOUT_RT : LAYOUT_KILL;
}

static void put(uint8_t *out, size_t off, const void *v, size_t len)
{
	memcpy(out + off, v, len);
}

void siginfo_encode(uint8_t out[SIGINFO_SIZE], const struct ksiginfo *info)
{
	memset(out, 0, SIGINFO_SIZE);
	put(out, 0, &info->signo, 4);
	put(out, 4, &info->err, 4);
	put(out, 8, &info->code, 4);
	switch (layout_of(info->signo, info->code)) {
	case LAYOUT_KILL:
		put(out, 16, &info->pid, 4);
		put(out, 20, &info->uid, 4);
		break;
	case LAYOUT_RT:
		put(out, 16, &info->pid, 4);
		put(out, 20, &info->uid, 4);
		put(out, 24, &info->value, 8);
		/* What a sender of rt_sigqueueinfo(2) put behind it. */
		put(out, 32, &info->utime, 8);
		put(out, 40, &info->stime, 8);
		break;
	case LAYOUT_TIMER:
		put(out, 16, &info->timer_id, 4);
		put(out, 20, &info->overrun, 4);
		put(out, 24, &info->value, 8);
		break;
	case LAYOUT_POLL: {
		int64_t band = info->band;

		put(out, 16, &band, 8);
		put(out, 24, &info->fd, 4);
		break;
	}
	case LAYOUT_FAULT:
		put(out, 16, &info->addr, 8);
		break;
	case LAYOUT_CHLD:
		put(out, 16, &info->pid, 4);
		put(out, 20, &info->uid, 4);
		put(out, 24, &info->status, 4);
		put(out, 32, &info->utime, 8);
		put(out, 40, &info->stime, 8);
		break;
	case LAYOUT_SYS: {
		uint32_t arch = 0xc000003e; /* AUDIT_ARCH_X86_64 */

		put(out, 16, &info->addr, 8);
		put(out, 24, &info->status, 4);
		put(out, 28, &arch, 4);
		break;
	}
	}
}

void siginfo_decode(struct ksiginfo *info, const uint8_t in[SIGINFO_SIZE])
{
	*info = (struct ksiginfo){0};
	memcpy(&info->signo, in, 4);
	memcpy(&info->err, in + 4, 4);
	memcpy(&info->code, in + 8, 4);
	switch (layout_of(info->signo, info->code)) {
	case LAYOUT_KILL:
		memcpy(&info->pid, in + 16, 4);
		memcpy(&info->uid, in + 20, 4);
		break;
	case LAYOUT_RT:
		memcpy(&info->pid, in + 16, 4);
		memcpy(&info->uid, in + 20, 4);
		memcpy(&info->value, in + 24, 8);
		memcpy(&info->utime, in + 32, 8);
		memcpy(&info->stime, in + 40, 8);
		break;
	case LAYOUT_TIMER:
		memcpy(&info->timer_id, in + 16, 4);
		memcpy(&info->overrun, in + 20, 4);
		memcpy(&info->value, in + 24, 8);
		break;
	case LAYOUT_POLL: {
		int64_t band;

		memcpy(&band, in + 16, 8);
		info->band = (int)band;
		memcpy(&info->fd, in + 24, 4);
		break;
	}
	case LAYOUT_FAULT:
		memcpy(&info->addr, in + 16, 8);
		break;
	case LAYOUT_CHLD:
		memcpy(&info->pid, in + 16, 4);
		memcpy(&info->uid, in + 20, 4);
		memcpy(&info->status, in + 24, 4);
		memcpy(&info->utime, in + 32, 8);
		memcpy(&info->stime, in + 40, 8);
		break;
	case LAYOUT_SYS:
		memcpy(&info->addr, in + 16, 8);
		memcpy(&info->status, in + 24, 4);
		break;
	}
}
