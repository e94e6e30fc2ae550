/* SPDX-License-Identifier: Apache-2.0 */
/* What runsc calls to become a sentry.
 *
 * runsc forks (clone(2) with the new namespaces); the child fills a struct sentry_config from values
 * and descriptors it holds, and calls sentry_boot(). The config is a plain structure in memory: no
 * message format, nothing to parse. The sentry never opens a host path: every file it needs is given
 * as a descriptor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/resource.h>

/* One mount of the container, in order; the first is the root. */
enum sentry_mount_type {
	SENTRY_MOUNT_GOFER, /* fd: a connected 9P socket, one connection per mount */
	SENTRY_MOUNT_TMPFS,
	SENTRY_MOUNT_PROC,
	SENTRY_MOUNT_SYSFS,
	SENTRY_MOUNT_DEV,    /* devtmpfs-like /dev: null zero full random urandom tty ptmx shm pts */
	SENTRY_MOUNT_DEVPTS,
	SENTRY_MOUNT_MQUEUE,
	SENTRY_MOUNT_CGROUP,
};

struct sentry_mount {
	enum sentry_mount_type type;
	const char *target;  /* absolute path in the container */
	const char *source;  /* what /proc/mounts shows */
	const char *options; /* comma list for tmpfs: size= mode= uid= gid= nr_inodes= */
	unsigned long flags; /* MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_NOATIME */
	int fd;		     /* SENTRY_MOUNT_GOFER */
	bool overlay;	     /* memory upper over this mount */
	bool is_file;	     /* bind mount of something that is not a directory */
};

struct sentry_rlimit {
	int resource; /* RLIMIT_* */
	struct rlimit limit;
};

/* A process to start: the container's init, or an exec. All strings borrowed. */
struct sentry_process {
	const char *const *argv; /* NULL-terminated */
	const char *const *envp;
	const char *cwd;
	uint32_t uid, gid;
	const uint32_t *gids;
	size_t n_gids;
	uint32_t umask; /* UINT32_MAX: 0022 */
	uint64_t cap_bounding, cap_effective, cap_inheritable, cap_permitted, cap_ambient;
	bool no_new_privs;
	const struct sentry_rlimit *rlimits;
	size_t n_rlimits;
	bool terminal;		/* fds[0..2] are a terminal */
	uint16_t rows, cols;	/* of the terminal, 0: unknown */
	int fds[3];		/* host stdin, stdout, stderr; -1: /dev/null. Taken. */
	const int *extra_fds;	/* --preserve-fds: guest descriptors 3.. Taken. */
	size_t n_extra_fds;
	int oom_score_adj;
};

/* An address with its prefix, network byte order. */
struct sentry_addr {
	int family; /* AF_INET, AF_INET6 */
	uint8_t addr[16];
	uint8_t prefix_len;
};

struct sentry_route {
	int family;
	uint8_t dst[16];
	uint8_t dst_len;
	uint8_t gateway[16];
	bool has_gateway;
	uint32_t metric;
	int link; /* index into links */
};

struct tap_config_fd; /* see <tap/tap.h> */

enum sentry_link_type { SENTRY_LINK_AFPACKET, SENTRY_LINK_TAP, SENTRY_LINK_SOCKET };

/* A network link of the sandbox besides lo. */
struct sentry_link {
	enum sentry_link_type type;
	int fd;		     /* frame descriptor made by tap/open. Taken. */
	const char *name;    /* eth0 */
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t offloads;   /* TAP_OFFLOAD_* of <tap/tap.h> */
	const struct sentry_addr *addrs;
	size_t n_addrs;
};

/* A node of linux.devices, made when its place is empty. */
struct sentry_device {
	const char *path;
	uint32_t mode; /* S_IFCHR, S_IFBLK or S_IFIFO, and permissions */
	uint32_t major, minor;
	uint32_t uid, gid;
};

struct sentry_neigh {
	int family;
	uint8_t addr[16];
	uint8_t mac[6];
	int link;
};

struct sentry_config {
	const char *id;		/* container id */
	const char *hostname;
	const char *domainname;

	const struct sentry_mount *mounts;
	size_t n_mounts;
	const char *const *masked_paths;   /* NULL-terminated */
	const char *const *readonly_paths; /* NULL-terminated */
	bool root_readonly;
	const struct sentry_device *devices;
	size_t n_devices;
	const char *const *cgroup_files; /* what the cgroup view shows (fs/cgroupfs/cgroupfs.h); n_ */
	size_t n_cgroup_files;

	const struct sentry_link *links;
	size_t n_links;
	const struct sentry_route *routes;
	size_t n_routes;
	const struct sentry_neigh *neighs;
	size_t n_neighs;
	const char *const *sysctls; /* "net.ipv4.tcp_sack=1", NULL-terminated, or NULL */

	struct sentry_process init;

	int control_fd;	/* listening SOCK_SEQPACKET unix socket (control.h). Taken. */
	int ready_fd;	/* one struct sentry_ready is written to it when the container is created,
			 * or failed to be. Taken and closed. -1: none */
	int log_fd;	/* the debug log; -1: none. Taken. */
	int pcap_fd;	/* --pcap: pcapng of every link is written here; -1: none. Taken. */
	bool strace;	/* --strace: decoded system calls to log_fd */
	bool debug;
	bool start_now;	/* run: do not wait for CONTROL_START */
	bool init_ordinary; /* do: signals end init as they end any process (pid_namespaces(7) says that
			     * the ones without a handler do not reach it) */
	bool no_patching;
	uint64_t memory_limit; /* bytes of guest memory, 0: none; also what /proc/meminfo says */
	uint32_t n_cpus;       /* 0: as the host's affinity says */
	uint8_t seed[32];      /* for the stack and getrandom's pool */
	bool no_sandbox;       /* tests only: skip lock-down (sanitizer builds need it) */
};

struct sentry_ready {
	int32_t error;	   /* 0, or a negative errno */
	char message[252]; /* what object failed and why, NUL-terminated */
};

/* What runsc has done when it calls sentry_boot(): this process is pid 1 of its own pid namespace, has its
 * own mount, ipc, uts and user namespaces (uid and gid 65534 and every capability in the latter; without
 * user namespaces on the host: root, with the host's capabilities), the container's network
 * namespace (whose addresses were removed), a session of its own, root and cwd an empty read-only
 * directory (no /proc, no /dev), an empty environment, SIGPIPE ignored, every other signal at its
 * default and unblocked, single-threaded, and no descriptor open but those of the config (0-2 are
 * /dev/null unless they are in it). What is left to the sentry: dropping capabilities, no_new_privs,
 * seccomp.
 *
 * A terminal's descriptor (init.terminal) is a host pty or the caller's own tty: its line discipline is the
 * host's, the container's termios calls reach it. What the terminal signals (Ctrl-C, a new window size)
 * arrives as a signal to this process: from the host when the pty is its controlling terminal, from
 * runsc when the tty is the caller's.
 *
 * A gofer connection that hangs up ends the sandbox: sentry_boot returns 128 + SIGKILL. */

/* Becomes the sentry: boots, locks itself down (no privileges but the given descriptors), serves the
 * control socket, runs the container, and returns what the process must pass to _exit(2): the exit
 * status of the container's init, or 128 + signal number. Failures are reported on ready_fd. */
int sentry_boot(const struct sentry_config *cfg);
