/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter: time, commands, code, and the order of things. */
#include "nsdrill/run.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nsdrill/sysctl.h"

int run_fail(struct run *run, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(run->diag->text, sizeof(run->diag->text), fmt, ap);
	va_end(ap);
	run->diag->at = run->event->at;
	return -EINVAL;
}

/* Kernels and people agree on times only so far: a fixed tolerance, or a share of the time since
 * the event before, whichever is larger. */
int run_check_time(struct run *run, const struct event *ev, int64_t want, int64_t want_end,
		   int64_t since, int64_t actual, const char *what)
{
	int64_t tolerance = run->cfg->tolerance_us;
	int64_t share = (int64_t)(run->cfg->tolerance_percent / 100.0 * (double)(want - since));

	if (run->target->ops->real_time && tolerance < 20000)
		tolerance = 20000;
	if (share > tolerance)
		tolerance = share;
	if (ev->time == TIME_ANY)
		return 0;
	if (ev->time != TIME_ABSOLUTE_RANGE && ev->time != TIME_RELATIVE_RANGE)
		want_end = want;
	if (actual >= want - tolerance && actual <= want_end + tolerance)
		return 0;
	diag_set(run->diag, ev->at,
		 "%s was expected at %.6f s and happened at %.6f s (tolerance %.6f)", what,
		 (double)want / 1e6, (double)actual / 1e6, (double)tolerance / 1e6);
	return -EINVAL;
}

struct conn *run_conn_new(struct run *run)
{
	struct conn *c = arena_alloc(&run->script->arena, sizeof(*c));

	c->next = run->conns;
	c->script_fd = -1;
	run->conns = c;
	run->sut = c;
	return c;
}

struct conn *run_conn_by_fd(struct run *run, int script_fd)
{
	for (struct conn *c = run->conns; c; c = c->next) {
		if (c->script_fd == script_fd)
			return c;
	}
	return NULL;
}

int run_fd_add(struct run *run, int script, int live, bool again)
{
	for (size_t i = 0; i < run->nfds; i++) {
		if (run->fds[i].script == script && !run->fds[i].closed && !again)
			return run_fail(run, "file descriptor %d is in use already", script);
	}
	if (run->nfds == RUN_FDS_MAX)
		return run_fail(run, "too many file descriptors");
	run->fds[run->nfds++] = (struct fd_map){script, live, false};
	return 0;
}

/* The newest with that number: also a closed one, so that EBADF can be tested. */
int run_live_fd(struct run *run, const struct expr *e, int *ret)
{
	int64_t script;
	int r = eval_int(e, &script, run->diag);

	if (r < 0)
		return r;
	for (size_t i = run->nfds; i-- > 0;) {
		if (run->fds[i].script == script) {
			*ret = run->fds[i].live;
			return 0;
		}
	}
	if (script < 0) {
		*ret = (int)script;
		return 0;
	}
	return diag_set(run->diag, e->at, "there is no file descriptor %d", (int)script);
}

int run_code_event(struct run *run)
{
	uint8_t info[512] = {0};
	struct request req = {.sys = SYS_GETSOCKOPT,
			      .a = {IPPROTO_TCP, TCP_INFO},
			      .buf = info,
			      .len = sizeof(info)};
	int fd = -1;

	for (size_t i = run->nfds; i-- > 0 && run->sut;) {
		if (run->fds[i].script == run->sut->script_fd) {
			fd = run->fds[i].live;
			break;
		}
	}
	if (fd < 0)
		return run_fail(run, "no socket to look at: accept() it first");
	req.fd = fd;
	run->target->ops->call(run->target, &req);
	if (req.result < 0)
		return run_fail(run, "TCP_INFO: %s", strerror((int)-req.result));
	return code_run(run->code, run->event->text, run->event->at, info, req.len, NULL,
			run->diag);
}

static bool starts_at_its_time(const struct event *ev)
{
	return ev->kind == EVENT_PACKET && !ev->packet->outbound;
}

/* Relative times count from when the event before happened; between injected packets, from when
 * it was meant to. */
static void resolve_time(struct run *run)
{
	const struct event *ev = run->event;
	int64_t base = 0;

	if (ev->time == TIME_RELATIVE || ev->time == TIME_RELATIVE_RANGE || ev->time == TIME_ANY) {
		base = run->target->ops->now(run->target);
		if (run->last && starts_at_its_time(run->last) && starts_at_its_time(ev))
			base = run->last_us;
	}
	run->event_us = base + ev->us;
	run->event_us_end = base + ev->us_end;
}

static int reach(struct run *run, const char *what)
{
	const struct target_ops *ops = run->target->ops;

	ops->run_until(run->target, run->event_us);
	return run_check_time(run, run->event, run->event_us, run->event_us_end, run->last_us,
			      ops->now(run->target), what);
}

static int one_event(struct run *run)
{
	const struct event *ev = run->event;
	int r = 0;

	switch (ev->kind) {
	case EVENT_PACKET:
		if (ev->packet->outbound)
			return run_packet_event(run);
		r = reach(run, "inbound packet");
		return r < 0 ? r : run_packet_event(run);
	case EVENT_CALL:
		r = run_call_settle(run, run->event_us);
		if (r == 0)
			r = reach(run, "system call");
		return r < 0 ? r : run_call_event(run);
	case EVENT_COMMAND:
		r = reach(run, "command");
		return r < 0 ? r : command_run(run->target, ev->text, ev->at, run->diag);
	case EVENT_CODE:
		r = reach(run, "code");
		return r < 0 ? r : run_code_event(run);
	}
	return r;
}

static int finish(struct run *run)
{
	int r = run_call_settle(run, run->last_us + 10000000);

	if (r == 0 && run->cfg->no_extra) {
		int64_t now = run->target->ops->now(run->target);
		struct frame *f = run->held ? run->held : run->target->ops->take(run->target, now);
		struct packet got;
		char text[512];

		run->held = NULL;
		if (f && packet_decode(f->data, f->len, &got) == 0 && run->sut &&
		    conn_owns(run->sut, run->cfg, &got)) {
			packet_print(&got, text, sizeof(text));
			r = run_fail(run,
				     "a packet that the script does not expect, at %.6f s:\n    %s",
				     (double)f->us / 1e6, text);
		}
		free(f);
	}
	return r;
}

int run_script(struct script *script, const struct config *cfg, struct target *target,
	       struct code *code, struct diag *diag)
{
	struct run run = {.cfg = cfg,
			  .script = script,
			  .target = target,
			  .code = code,
			  .diag = diag,
			  .next_port = 40001};
	int r = 0;

	code_reset(code);
	run.event = script->events;
	if (script->init)
		r = command_run(target, script->init, script->init_at, diag);
	for (const struct event *ev = script->events; ev && r == 0; ev = ev->next) {
		run.event = ev;
		resolve_time(&run);
		r = one_event(&run);
		if (cfg->trace)
			target->ops->trace(target, -1, stdout);
		run_call_poll(&run, &r);
		run.last = ev;
		run.last_us = run.event_us;
	}
	if (r == 0)
		r = finish(&run);
	if (run.pending) {
		target->ops->cancel(target, &run.pending->req);
		arena_fini(&run.pending->arena);
		free(run.pending);
	}
	free(run.held);
	return r;
}
