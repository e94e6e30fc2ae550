/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/names.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "util/cleanup.h"

static const char *const caps[CAP_LAST + 1] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

int cap_from_name(const char *name)
{
	for (int i = 0; i <= CAP_LAST; i++) {
		if (!strcasecmp(name, caps[i]) || !strcasecmp(name, caps[i] + 4))
			return i;
	}
	return -EINVAL;
}

const char *cap_name(unsigned cap)
{
	return cap <= CAP_LAST ? caps[cap] : NULL;
}

int rlimit_from_name(const char *name)
{
	static const struct {
		const char *name;
		int resource;
	} names[] = {
		{"RLIMIT_AS", RLIMIT_AS},
		{"RLIMIT_CORE", RLIMIT_CORE},
		{"RLIMIT_CPU", RLIMIT_CPU},
		{"RLIMIT_DATA", RLIMIT_DATA},
		{"RLIMIT_FSIZE", RLIMIT_FSIZE},
		{"RLIMIT_LOCKS", RLIMIT_LOCKS},
		{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
		{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
		{"RLIMIT_NICE", RLIMIT_NICE},
		{"RLIMIT_NOFILE", RLIMIT_NOFILE},
		{"RLIMIT_NPROC", RLIMIT_NPROC},
		{"RLIMIT_RSS", RLIMIT_RSS},
		{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
		{"RLIMIT_RTTIME", RLIMIT_RTTIME},
		{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
		{"RLIMIT_STACK", RLIMIT_STACK},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!strcmp(name, names[i].name))
			return names[i].resource;
	}
	return -EINVAL;
}

static const char *const signals[] = {
	[1] = "HUP",	 [2] = "INT",	[3] = "QUIT",	[4] = "ILL",   [5] = "TRAP",
	[6] = "ABRT",	 [7] = "BUS",	[8] = "FPE",	[9] = "KILL",  [10] = "USR1",
	[11] = "SEGV",	 [12] = "USR2", [13] = "PIPE",	[14] = "ALRM", [15] = "TERM",
	[16] = "STKFLT", [17] = "CHLD", [18] = "CONT",	[19] = "STOP", [20] = "TSTP",
	[21] = "TTIN",	 [22] = "TTOU", [23] = "URG",	[24] = "XCPU", [25] = "XFSZ",
	[26] = "VTALRM", [27] = "PROF", [28] = "WINCH", [29] = "IO",   [30] = "PWR",
	[31] = "SYS",
};

/* Linux's kernel numbers, not the C library's (which keeps two for itself). */
enum { RT_MIN = 34, RT_MAX = 64 };

static int realtime(const char *name)
{
	int base, sign = 1, off = 0;

	if (!strncasecmp(name, "RTMIN", 5))
		base = RT_MIN;
	else if (!strncasecmp(name, "RTMAX", 5))
		base = RT_MAX;
	else
		return -EINVAL;
	name += 5;
	if (*name) {
		char *end;

		if (*name != '+' && *name != '-')
			return -EINVAL;
		sign = *name == '-' ? -1 : 1;
		off = (int)strtol(name + 1, &end, 10);
		if (end == name + 1 || *end || off < 0 || off > 30)
			return -EINVAL;
	}
	base += sign * off;
	return base >= RT_MIN && base <= RT_MAX ? base : -EINVAL;
}

int signal_from_name(const char *name)
{
	char *end;
	long n = strtol(name, &end, 10);

	if (end != name && !*end)
		return n >= 1 && n <= 64 ? (int)n : -EINVAL;
	if (!strncasecmp(name, "SIG", 3))
		name += 3;
	for (size_t i = 1; i < ARRAY_LEN(signals); i++) {
		if (!strcasecmp(name, signals[i]))
			return (int)i;
	}
	if (!strcasecmp(name, "POLL"))
		return 29;
	if (!strcasecmp(name, "IOT"))
		return 6;
	if (!strcasecmp(name, "CLD"))
		return 17;
	return realtime(name);
}
