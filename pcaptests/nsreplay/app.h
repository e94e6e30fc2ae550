/* SPDX-License-Identifier: Apache-2.0 */
/* The application above the stack: does what a script says, reads what comes, tells what happened.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <netstack/socket.h>
#include <netstack/stack.h>

#include "flow.h"
#include "script.h"

/* Where the story of a replay is told: one line an event. */
struct story {
	FILE *to; /* NULL: nowhere */
	net_time start, now;
};

/* @mark: ':' a call of the application, '=' a decision of TCP, '!' a discard, '<' '>' frames. */
void story_tell(struct story *story, char mark, const char *fmt, ...) PRINTF_LIKE(3, 4);

struct app_sock;

struct app {
	struct net_stack *stack;
	struct story *story;
	struct flows *flows; /* gets the ports that stand for captured ones */
	struct app_sock *socks;
	const struct script *script;
	unsigned accepted;
};

void app_fini(struct app *app);
/* Performs one action of the script. 0, -ENOMEM, or -EINVAL for a name that is not known. */
int app_act(struct app *app, const struct action *action, struct problem *problem);
/* Takes the events of the stack. Returns whether there were any. */
bool app_events(struct app *app);
/* Tells what changed in the state of TCP connections. */
void app_report(struct app *app);
