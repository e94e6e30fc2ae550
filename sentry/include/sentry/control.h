/* SPDX-License-Identifier: Apache-2.0 */
/* The control protocol between runsc and a running sentry: one SOCK_SEQPACKET connection per request,
 * one request message (with descriptors by SCM_RIGHTS where noted), one reply message; CONTROL_WAIT
 * and CONTROL_CAPTURE keep the connection until the end. Host byte order, same binary on both sides.
 * The sentry treats requests as operator input (validated), runsc treats replies as hostile.
 */
#pragma once

#include <stdint.h>

enum control_op {
	CONTROL_START = 1, /* starts the created init */
	CONTROL_SIGNAL,	   /* u: struct control_signal */
	CONTROL_STATE,	   /* reply: struct control_state */
	CONTROL_PS,	   /* reply: text, one line per process: "pid ppid uid state cpu_ms args" */
	CONTROL_EXEC,	   /* payload: struct control_exec + blob; fds: stdin stdout stderr [extra] */
	CONTROL_WAIT,	   /* u.pid: waits for an exec'd process (or 1); reply.value: exit status */
	CONTROL_CAPTURE,   /* fds: where pcapng goes; payload: cBPF program; lasts until the peer hangs up */
	CONTROL_PAUSE,
	CONTROL_RESUME,
	CONTROL_STATS,	   /* reply: text "name value" lines: drops, counters, unimplemented calls */
	CONTROL_WINSIZE,   /* u: struct control_winsize */
	CONTROL_UPDATE,	   /* payload: NUL-terminated "file=value" strings for the cgroup view */
};

#define CONTROL_MAX_MSG (128 * 1024)
#define CONTROL_MAX_FDS 32

struct control_signal {
	int32_t pid;   /* sandbox pid; 0 with all: every process of the container */
	int32_t signo;
	uint32_t all;
	uint32_t group; /* to the process group */
};

struct control_winsize {
	int32_t pid;
	uint16_t rows, cols;
};

/* Followed by a blob of NUL-terminated strings: argv..., envp..., cwd, then n_gids uint32 (unaligned),
 * then n_rlimits of {int32 resource; uint64 cur, max} packed. */
struct control_exec {
	uint32_t n_argv, n_envp, n_gids, n_rlimits;
	uint32_t uid, gid, umask;
	uint32_t terminal, no_new_privs;
	uint16_t rows, cols;
	uint64_t cap_bounding, cap_effective, cap_inheritable, cap_permitted, cap_ambient;
	uint32_t blob_len;
};

struct control_state {
	uint32_t status; /* 0 created 1 running 2 stopped 3 paused */
	int32_t init_exit;
	uint32_t n_processes;
};

struct control_filter_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

struct control_capture {
	uint32_t link;	  /* UINT32_MAX: all */
	uint32_t snaplen; /* 0: whole frames */
	uint32_t n_insns; /* followed by that many struct control_filter_insn; 0: everything */
};

struct control_request {
	uint32_t op;
	uint32_t len; /* of the payload that follows in the same message */
	union {
		struct control_signal signal;
		struct control_winsize winsize;
		int32_t pid;
	} u;
};

struct control_reply {
	int32_t error; /* 0 or a negative errno */
	int32_t value; /* pid of an exec, exit status of a wait */
	uint32_t len;  /* of the payload that follows in the same message */
	char message[116]; /* cause in words when error is set */
};
