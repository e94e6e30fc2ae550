/* SPDX-License-Identifier: Apache-2.0 */
/* What a replay is to be: the stack's configuration and what its application does, when.
 *
 * Read from a small text file (README.md has the language), or derived from a capture (plan.h), or
 * both.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netstack/link.h>
#include <netstack/route.h>
#include <netstack/stack.h>
#include <netstack/types.h>

#include "capture.h"

#define SCRIPT_NAME 24
#define SCRIPT_ADDRS 8
#define SCRIPT_MASKS 32

enum act {
	ACT_LISTEN,
	ACT_CONNECT, /* (those up to ACT_PING make sockets) */
	ACT_UDP,
	ACT_PING,
	ACT_WRITE,
	ACT_SEND,
	ACT_READ,
	ACT_DRAIN,
	ACT_SHUTDOWN,
	ACT_CLOSE,
	ACT_ABORT,
	ACT_OPTION,
	ACT_JOIN,
	ACT_LEAVE,
	ACT_SERVE,
	ACT_MTU,
	ACT_ACCEPT, /* names the connection that @peer opens to @port: derived only */
};

enum serve { SERVE_SINK, SERVE_ECHO };

struct action {
	net_time at;
	size_t before; /* index of the captured frame that it precedes; SIZE_MAX: only time counts
			*/
	enum act act;
	unsigned line; /* of the script, 0: derived */
	char sock[SCRIPT_NAME];
	struct net_endpoint peer; /* connect, send; join: the group */
	struct net_addr local;	  /* listen, udp: family 0 = any */
	uint16_t port;		  /* local: listen, udp, connect from; ping: the identifier */
	uint16_t captured_port;	  /* which port of the capture @sock's will stand for */
	uint8_t *data;		  /* owned */
	size_t len, cap;	  /* read: 0 = all there is */
	int level, name, value;	  /* option; shutdown: how; drain: on or off; listen: backlog */
	enum serve serve;
};

struct script {
	struct net_config net;
	struct net_link_config link;
	bool has_mac;
	struct net_ifaddr addrs[SCRIPT_ADDRS];
	size_t naddrs;
	struct net_route routes[SCRIPT_ADDRS];
	size_t nroutes;
	struct net_neigh neighs[32];
	size_t nneighs;
	struct net_addr play[SCRIPT_ADDRS]; /* addresses that the stack plays */
	size_t nplay;
	char *mask[SCRIPT_MASKS], *also[SCRIPT_MASKS];
	char *ignore[SCRIPT_MASKS]; /* packets with such a layer are left out */
	size_t nmask, nalso, nignore;
	net_dur tolerance;
	net_dur hold;  /* how long an acknowledgement may wait for what it acknowledges */
	net_dur until; /* how long to run on after the last event */
	bool derive;   /* the application of the capture */
	struct action *actions;
	size_t n, cap;
};

void script_init(struct script *script);
void script_fini(struct script *script);
/* Reads the text of a script. 0 or -EINVAL with "FILE:LINE: ...". */
MUST_CHECK int script_parse(struct script *script, const char *text, size_t len, const char *name,
			    struct problem *problem);
MUST_CHECK int script_read(struct script *script, const char *path, struct problem *problem);
/* A new action, zeroed but for what is given. NULL: no memory. */
struct action *script_add(struct script *script, enum act act, net_time at, const char *sock);
/* Orders the actions. */
void script_sort(struct script *script);
bool script_plays(const struct script *script, const struct net_addr *addr);
bool script_addr(struct net_addr *ret, const char *text);
/* Adds names separated by commas. */
int script_names(char **list, size_t *n, const char *text);
