/* SPDX-License-Identifier: Apache-2.0 */
/* --strace: see strace.h. A call is printed as one line when it returns, so that lines of different
 * threads do not mix; a call that has not returned when the sandbox ends is printed by its entry when
 * it can block for ever (exit). What is read from guest memory here is read a second time by the call
 * itself: it is a trace, not a check.
 */
#include "trace/strace.h"

#include <arpa/inet.h>
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "boot/kernel.h"
#include "sys/table.h"
#include "task/task.h"
#include "util/cleanup.h"

#define LINE_MAX_BYTES 1024
#define DATA_MAX 64

/* One line being built; silently cut when full. */
struct line {
	char buf[LINE_MAX_BYTES];
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(l->buf + l->len, sizeof(l->buf) - l->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len = MIN(l->len + (size_t)n, sizeof(l->buf) - 1);
}

struct flag {
	uint64_t bit;
	const char *name;
};

#define F(x) { (uint64_t)(x), #x }

static void add_flags(struct line *l, uint64_t v, const struct flag *flags, size_t n, const char *zero)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (flags[i].bit && (v & flags[i].bit) == flags[i].bit) {
			add(l, "%s%s", any ? "|" : "", flags[i].name);
			v &= ~flags[i].bit;
			any = true;
		}
	}
	if (v)
		add(l, "%s%#" PRIx64, any ? "|" : "", v);
	else if (!any)
		add(l, "%s", zero);
}

static void add_open_flags(struct line *l, uint64_t v)
{
	static const struct flag flags[] = { F(O_CREAT), F(O_EXCL), F(O_NOCTTY), F(O_TRUNC),
					     F(O_APPEND), F(O_NONBLOCK), F(O_SYNC), F(O_DSYNC),
					     F(O_TMPFILE), F(O_DIRECTORY), F(O_NOFOLLOW),
					     F(O_CLOEXEC), F(O_PATH), F(O_DIRECT) };
	static const char *const mode[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };

	add(l, "%s", mode[v & O_ACCMODE]);
	v &= ~(uint64_t)O_ACCMODE;
	if (v) {
		add(l, "|");
		add_flags(l, v, flags, ARRAY_LEN(flags), "0");
	}
}

static void add_escaped(struct line *l, const char *s, size_t len)
{
	add(l, "\"");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			add(l, "\\%c", c);
		else if (c == '\n')
			add(l, "\\n");
		else if (c == '\t')
			add(l, "\\t");
		else if (c == '\r')
			add(l, "\\r");
		else if (c < 32 || c > 126)
			add(l, "\\%o", c);
		else
			add(l, "%c", c);
	}
	add(l, "\"");
}

static void add_buffer(struct line *l, struct task *t, uint64_t addr, int64_t len)
{
	char data[DATA_MAX];

	if (len < 0 || !addr) {
		add(l, "%#" PRIx64, addr);
		return;
	}
	size_t n = mm_copy_in_some(t->mm, data, addr, MIN((size_t)len, sizeof(data)));

	add_escaped(l, data, n);
	if ((size_t)len > n)
		add(l, "...");
}

static void add_string(struct line *l, struct task *t, uint64_t addr)
{
	char s[256];
	ssize_t n;

	if (!addr) {
		add(l, "NULL");
		return;
	}
	n = mm_copy_str(t->mm, s, addr, sizeof(s));
	if (n == -ENAMETOOLONG) {
		add_escaped(l, s, sizeof(s) - 1);
		add(l, "...");
	} else if (n < 0) {
		add(l, "%#" PRIx64, addr);
	} else {
		add_escaped(l, s, (size_t)n);
	}
}

static void add_sockaddr(struct line *l, struct task *t, uint64_t addr, uint64_t len)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		uint8_t raw[sizeof(struct sockaddr_un) + 1];
	} u = { 0 };
	char text[INET6_ADDRSTRLEN];

	if (!addr || len < sizeof(sa_family_t) ||
	    mm_copy_in(t->mm, &u, addr, MIN(len, sizeof(struct sockaddr_un))) < 0) {
		add(l, "%#" PRIx64, addr);
		return;
	}
	switch (u.sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &u.in.sin_addr, text, sizeof(text));
		add(l, "{AF_INET, %s:%u}", text, ntohs(u.in.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &u.in6.sin6_addr, text, sizeof(text));
		add(l, "{AF_INET6, [%s]:%u}", text, ntohs(u.in6.sin6_port));
		break;
	case AF_UNIX:
		if (u.un.sun_path[0])
			add(l, "{AF_UNIX, \"%s\"}", u.un.sun_path);
		else
			add(l, "{AF_UNIX, @\"%s\"}", u.un.sun_path + 1);
		break;
	default:
		add(l, "{family %u}", u.sa.sa_family);
		break;
	}
}

static void add_iov(struct line *l, struct task *t, uint64_t addr, uint64_t n, bool in, int64_t total)
{
	add(l, "[");
	for (uint64_t i = 0; i < n && i < 4; i++) {
		struct iovec iov;

		if (mm_copy_in(t->mm, &iov, addr + i * sizeof(iov), sizeof(iov)) < 0)
			break;

		int64_t have = in ? (int64_t)iov.iov_len : MIN(total, (int64_t)iov.iov_len);

		add(l, "%s{", i ? ", " : "");
		add_buffer(l, t, (uint64_t)(uintptr_t)iov.iov_base, have);
		add(l, ", %zu}", iov.iov_len);
		total -= have;
	}
	add(l, "%s]", n > 4 ? ", ..." : "");
}

static void add_poll(struct line *l, struct task *t, uint64_t addr, uint64_t n)
{
	add(l, "[");
	for (uint64_t i = 0; i < n && i < 8; i++) {
		struct pollfd p;

		if (mm_copy_in(t->mm, &p, addr + i * sizeof(p), sizeof(p)) < 0)
			break;
		add(l, "%s{%d, %#x->%#x}", i ? ", " : "", p.fd, (unsigned)p.events,
		    (unsigned)p.revents);
	}
	add(l, "%s]", n > 8 ? ", ..." : "");
}

static void add_argv(struct line *l, struct task *t, uint64_t addr)
{
	add(l, "[");
	for (uint64_t i = 0; addr && i < 16; i++) {
		uint64_t p;

		if (mm_copy_in(t->mm, &p, addr + i * 8, 8) < 0 || !p)
			break;
		if (i)
			add(l, ", ");
		add_string(l, t, p);
	}
	add(l, "]");
}

static void add_msghdr(struct line *l, struct task *t, uint64_t addr, int64_t result)
{
	struct msghdr m;

	if (mm_copy_in(t->mm, &m, addr, sizeof(m)) < 0) {
		add(l, "%#" PRIx64, addr);
		return;
	}
	add(l, "{name=");
	add_sockaddr(l, t, (uint64_t)(uintptr_t)m.msg_name, m.msg_namelen);
	add(l, ", iov=");
	add_iov(l, t, (uint64_t)(uintptr_t)m.msg_iov, m.msg_iovlen, false, MAX(result, INT64_C(0)));
	add(l, ", controllen=%zu, flags=%#x}", m.msg_controllen, (unsigned)m.msg_flags);
}

static const struct flag mmap_flags[] = { F(MAP_SHARED), F(MAP_PRIVATE), F(MAP_FIXED),
					  F(MAP_ANONYMOUS), F(MAP_NORESERVE), F(MAP_STACK),
					  F(MAP_GROWSDOWN), F(MAP_DENYWRITE), F(MAP_POPULATE) };
static const struct flag prot_flags[] = { F(PROT_READ), F(PROT_WRITE), F(PROT_EXEC) };
static const struct flag clone_flags[] = {
	F(CLONE_VM), F(CLONE_FS), F(CLONE_FILES), F(CLONE_SIGHAND), F(CLONE_PTRACE), F(CLONE_VFORK),
	F(CLONE_PARENT), F(CLONE_THREAD), F(CLONE_NEWNS), F(CLONE_SYSVSEM), F(CLONE_SETTLS),
	F(CLONE_PARENT_SETTID), F(CLONE_CHILD_CLEARTID), F(CLONE_CHILD_SETTID),
};

static void add_timespec(struct line *l, struct task *t, uint64_t addr)
{
	struct timespec ts;

	if (!addr)
		add(l, "NULL");
	else if (mm_copy_in(t->mm, &ts, addr, sizeof(ts)) < 0)
		add(l, "%#" PRIx64, addr);
	else
		add(l, "{%lld.%09ld}", (long long)ts.tv_sec, ts.tv_nsec);
}

/* Kinds that read guest memory. Returns false when @kind is another one. */
static bool add_memory_arg(struct line *l, struct task *t, const struct sysargs *a, int i, char kind,
			   long result)
{
	uint64_t v = a->a[i];
	uint64_t next = i < 5 ? a->a[i + 1] : 0;
	uint64_t word;

	switch (kind) {
	case 's':
		add_string(l, t, v);
		return true;
	case 'b':
		add_buffer(l, t, v, result);
		return true;
	case 'B':
		add_buffer(l, t, v, (int64_t)MIN(next, (uint64_t)INT64_MAX));
		return true;
	case 'A':
		add_sockaddr(l, t, v, next);
		return true;
	case 'I':
		add_iov(l, t, v, next, true, 0);
		return true;
	case 'P':
		add_poll(l, t, v, next);
		return true;
	case 'v':
		add_argv(l, t, v);
		return true;
	case 'V':
		add_msghdr(l, t, v, result);
		return true;
	case 't':
		add_timespec(l, t, v);
		return true;
	case 'g':
		if (v && mm_copy_in(t->mm, &word, v, 8) == 0)
			add(l, "[%#" PRIx64 "]", word);
		else
			add(l, "%#" PRIx64, v);
		return true;
	case 'W':
		if (v && result > 0 && mm_copy_in(t->mm, &word, v, 4) == 0)
			add(l, "[%#x]", (uint32_t)word);
		else
			add(l, "%#" PRIx64, v);
		return true;
	case 'E': {
		struct epoll_event ev;

		if (v && mm_copy_in(t->mm, &ev, v, sizeof(ev)) == 0)
			add(l, "{%#x, %#" PRIx64 "}", ev.events, (uint64_t)ev.data.u64);
		else
			add(l, "%#" PRIx64, v);
		return true;
	}
	default:
		return false;
	}
}

static void add_arg(struct line *l, struct task *t, const struct sysargs *a, int i, char kind,
		    long result)
{
	uint64_t v = a->a[i];

	if (add_memory_arg(l, t, a, i, kind, result))
		return;
	switch (kind) {
	case 'd':
	case 'F':
		add(l, "%d", (int)v);
		break;
	case 'D':
		if ((int)v == AT_FDCWD)
			add(l, "AT_FDCWD");
		else
			add(l, "%d", (int)v);
		break;
	case 'u':
		add(l, "%" PRIu64, v);
		break;
	case 'o':
		add(l, "0%o", (unsigned)v);
		break;
	case 'f':
		add_open_flags(l, v);
		break;
	case 'S':
		add(l, "SIG%s", sigabbrev_np((int)v) ? sigabbrev_np((int)v) : "?");
		break;
	case 'M':
		add_flags(l, v, prot_flags, ARRAY_LEN(prot_flags), "PROT_NONE");
		break;
	case 'm':
		add_flags(l, v, mmap_flags, ARRAY_LEN(mmap_flags), "0");
		break;
	case 'c':
		add_flags(l, v & ~UINT64_C(0xff), clone_flags, ARRAY_LEN(clone_flags), "0");
		add(l, "|%u", (unsigned)(v & 0xff));
		break;
	default:
		add(l, v ? "%#" PRIx64 : "%" PRIu64, v);
		break;
	}
}

static void add_call(struct line *l, struct task *t, const struct sysargs *a, long result)
{
	const struct syscall_desc *d = a->nr < SYSCALL_MAX ? &syscall_table[a->nr] : NULL;
	const char *args = d && d->args ? d->args : "xxxxxx";

	add(l, "[%d] ", t->tid);
	if (d && d->name)
		add(l, "%s(", d->name);
	else
		add(l, "syscall_%" PRIu64 "(", a->nr);
	for (int i = 0; args[i] && i < 6; i++) {
		if (i)
			add(l, ", ");
		add_arg(l, t, a, i, args[i], result);
	}
	add(l, ")");
}

void strace_enter(struct task *t, const struct sysargs *a)
{
	struct line l = { .len = 0 };

	/* Calls that do not return, or replace the memory their arguments are in. */
	if (a->nr != 59 && a->nr != 322 && a->nr != 60 && a->nr != 231)
		return;
	add_call(&l, t, a, 0);
	klog("%s = ...", l.buf);
}

static const char *restart_name(long r)
{
	switch (-r) {
	case ERESTARTSYS:
		return "ERESTARTSYS";
	case ERESTARTNOINTR:
		return "ERESTARTNOINTR";
	case ERESTARTNOHAND:
		return "ERESTARTNOHAND";
	case ERESTART_RESTARTBLOCK:
		return "ERESTART_RESTARTBLOCK";
	default:
		return strerrorname_np((int)-r);
	}
}

void strace_exit(struct task *t, const struct sysargs *a, long result)
{
	const struct syscall_desc *d = a->nr < SYSCALL_MAX ? &syscall_table[a->nr] : NULL;
	struct line l = { .len = 0 };

	if ((a->nr == 59 || a->nr == 322) && result >= 0) {
		add(&l, "[%d] execve", t->tid);
	} else {
		add_call(&l, t, a, result);
	}
	if (result < 0 && result >= -4095) {
		const char *name = restart_name(result);

		add(&l, " = -1 %s", name ? name : "?");
	} else if (d && (d->result == 'x' || d->result == 'p')) {
		add(&l, " = %#lx", (unsigned long)result);
	} else {
		add(&l, " = %ld", result);
	}
	klog("%s", l.buf);
}

void strace_note(struct task *t, const char *fmt, ...)
{
	struct line l = { .len = 0 };
	char text[256];
	va_list ap;

	if (!t->kernel->strace)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add(&l, "[%d] --- %s ---", t->tid, text);
	klog("%s", l.buf);
}
