/* SPDX-License-Identifier: Apache-2.0 */
/* One loop over instants: frames of the capture, actions of the script, deadlines of the stack. */
#include "replay.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <netstack/info.h>
#include <netstack/pkt.h>

#include "app.h"
#include "map.h"
#include "plan.h"
#include "util/bytes.h"
#include "view.h"

#define LINE 1024
#define FRAMES_MAX 200000

struct replay {
	const struct script *script;
	const struct capture *capture;
	struct replay_result *result;
	struct problem *problem;
	struct net_stack *stack;
	net_link_id link;
	struct app app;
	struct story story;
	struct flows captured, own;
	net_time start, now;
	net_dur shift; /* by how much the replay is behind the capture */
	size_t input;  /* index of the frame last given, in result->did */
	int error;
};

static enum frame_kind kind_of(const struct script *script)
{
	return script->link.kind == NET_LINK_ETHER ? FRAME_ETHER : FRAME_IP;
}

static bool ignored(const struct replay *rp, const struct dis *dis)
{
	return cmp_has(dis, (const char *const *)rp->script->ignore, rp->script->nignore);
}

/* Remembers a frame of the replay, dissects and tells it. */
static struct frame *note_frame(struct replay *rp, const uint8_t *bytes, size_t have, size_t len,
				bool sent)
{
	struct capture *did = &rp->result->did;
	struct frame *frame;
	struct dis *dis = NULL;
	char line[LINE];

	if (did->n == FRAMES_MAX || capture_add(did, rp->now - rp->start, bytes, have, len) < 0) {
		rp->error = problem_set(rp->problem, -ENOMEM, "more than %u frames", FRAMES_MAX);
		return NULL;
	}
	frame = &did->frames[did->n - 1];
	frame->sent = sent;
	if (sent) {
		struct cmp_pkt *pkt = cmp_add(&rp->result->got);

		if (pkt) {
			pkt->at = frame->at;
			dis = &pkt->dis;
		}
	} else {
		dis = calloc(1, sizeof(*dis));
	}
	if (!dis) {
		rp->error = -ENOMEM;
		return NULL;
	}
	dissect(dis, frame, did->kind, &rp->own);
	if (sent && ignored(rp, dis)) {
		rp->result->got.n--;
		did->n--;
		free(frame->bytes);
		return NULL;
	}
	dis_line(dis, line, sizeof(line));
	story_tell(&rp->story, sent ? '>' : '<', "%s", line);
	if (!sent)
		free(dis);
	return frame;
}

static void take_frame(struct replay *rp, struct pkt *pkt)
{
	size_t len = net_pkt_len(pkt);
	uint8_t *bytes = malloc(len ? len : 1);

	if (bytes) {
		net_pkt_read(pkt, 0, bytes, len);
		note_frame(rp, bytes, len, len, true);
	} else {
		rp->error = -ENOMEM;
	}
	free(bytes);
	net_pkt_free(pkt);
}

/* Lets all happen that is due at this instant. */
static void settle(struct replay *rp)
{
	struct net_drop_info drop;
	struct pkt *pkt;
	bool busy = true;

	while (busy && !rp->error) {
		busy = false;
		rp->story.now = rp->now;
		net_stack_clock(rp->stack, rp->now);
		while (net_drops_next(rp->stack, &drop)) {
			story_tell(&rp->story, '!', "%s: %s", net_drop_name(drop.why),
				   net_drop_text(drop.why));
			if (rp->input != SIZE_MAX && !rp->result->did.frames[rp->input].note)
				rp->result->did.frames[rp->input].note = net_drop_name(drop.why);
		}
		if (net_stack_deadline(rp->stack) <= rp->now) {
			net_stack_poll(rp->stack, rp->now);
			busy = true;
		}
		while (!rp->error && (pkt = net_link_take_output(rp->stack, rp->link))) {
			take_frame(rp, pkt);
			busy = true;
		}
		busy |= app_events(&rp->app);
	}
	app_report(&rp->app);
	rp->input = SIZE_MAX;
}

/* Moves time to @at. With @ahead: only until that frame's acknowledgement is no longer ahead. */
static void run_until(struct replay *rp, net_time at, const struct frame *ahead)
{
	settle(rp);
	while (!rp->error) {
		net_time next = net_stack_deadline(rp->stack);

		if (ahead && !map_ahead(ahead, rp->capture->kind, &rp->captured, &rp->own))
			return;
		if (next > at)
			break;
		if (next > rp->now)
			rp->now = next;
		settle(rp);
	}
	if (at > rp->now)
		rp->now = at;
	rp->story.now = rp->now;
	net_stack_clock(rp->stack, rp->now);
}

/* A frame whose checksums a device was to complete, or that was captured in part, or before it was
 * cut into segments: the metadata that the driver of such a device would give. */
static void offload_of(struct net_offload *ret, const struct frame *frame, const struct dis *dis,
		       const struct view *v, uint32_t mtu)
{
	const char *sum = dis_get(dis, v->proto == 6 ? "tcp.sum" : "udp.sum", 0);
	size_t headers = v->payload - v->l3;

	memset(ret, 0, sizeof(*ret));
	if (!v->ports || v->fragment)
		return;
	if (frame->have < frame->len)
		ret->flags = NET_OFFLOAD_DATA_VALID;
	else if (sum && !strcmp(sum, "offloaded"))
		*ret = (struct net_offload){
			.flags = NET_OFFLOAD_NEEDS_CSUM,
			.csum_start = (uint16_t)v->l4,
			.csum_offset = v->proto == 6 ? 16 : 6,
		};
	if (v->tcp && headers + v->payload_len > mtu && mtu > headers) {
		ret->gso_type = v->family_len == 4 ? NET_GSO_TCP4 : NET_GSO_TCP6;
		ret->gso_size = (uint16_t)(mtu - headers);
		ret->hdr_len = (uint16_t)v->payload;
		ret->csum_start = (uint16_t)v->l4;
		ret->csum_offset = 16;
		if (!ret->flags)
			ret->flags = NET_OFFLOAD_DATA_VALID;
	}
}

/* Gives the stack a captured frame. */
static void give(struct replay *rp, const struct frame *captured, const struct dis *dis)
{
	struct frame frame = *captured;
	struct net_offload offload;
	struct view v;
	struct pkt *pkt;

	view_frame(&v, &frame, rp->capture->kind);
	if (frame.have < frame.len && !v.ports) {
		story_tell(&rp->story, '!', "packet %zu of the capture is cut short: left out",
			   frame.number);
		return;
	}
	/* What the capture did not keep is zero. */
	frame.bytes = calloc(1, frame.len + 1u);
	pkt = net_pkt_new(rp->stack, frame.len);
	if (!frame.bytes || !pkt) {
		free(frame.bytes);
		net_pkt_free(pkt);
		rp->error = -ENOMEM;
		return;
	}
	memcpy(frame.bytes, captured->bytes, captured->have);
	map_frame(&frame, rp->capture->kind, &rp->captured, &rp->own);
	offload_of(&offload, captured, dis, &v, rp->script->link.mtu);
	note_frame(rp, frame.bytes, frame.have, frame.len, false);
	rp->input = rp->result->did.n - 1;
	if (!frame.len || net_pkt_fill(pkt, frame.bytes, frame.len) < 0) {
		net_pkt_free(pkt);
	} else {
		net_pkt_set_offload(pkt, &offload);
		(void)net_link_input(rp->stack, rp->link, rp->now, pkt);
	}
	free(frame.bytes);
	settle(rp);
}

/* A frame that the played end sent: kept for the comparison, as the pieces that the wire saw. */
static int want_frame(struct replay *rp, const struct frame *frame, const struct dis *dis)
{
	struct cmp_pkt *pkt;
	struct view v;
	size_t mss;

	view_frame(&v, frame, rp->capture->kind);
	mss = rp->script->link.mtu - MIN(v.payload - v.l3, rp->script->link.mtu - 1u);
	if (!v.tcp || v.payload_len <= mss || v.payload_have < v.payload_len) {
		pkt = cmp_add(&rp->result->want);
		if (!pkt)
			return -ENOMEM;
		pkt->dis = *dis;
		pkt->at = frame->at + rp->shift;
		return 0;
	}
	for (size_t at = 0; at < v.payload_len; at += mss) {
		size_t len = MIN(mss, v.payload_len - at);
		struct frame piece = {.at = frame->at, .number = frame->number};
		uint8_t *b = malloc(v.payload + len);

		pkt = cmp_add(&rp->result->want);
		if (!b || !pkt) {
			free(b);
			return -ENOMEM;
		}
		memcpy(b, frame->bytes, v.payload);
		memcpy(b + v.payload, frame->bytes + v.payload + at, len);
		store_be32(b + v.l4 + 4, v.seq + (uint32_t)at);
		if (at + len < v.payload_len)
			b[v.l4 + 13] &= (uint8_t) ~(VIEW_PSH | VIEW_FIN);
		store_be16(b + v.l3 + (v.family_len == 4 ? 2 : 4),
			   (uint16_t)(v.payload + len - v.l3 - (v.family_len == 4 ? 0 : 40)));
		piece.bytes = b;
		piece.have = piece.len = (uint32_t)(v.payload + len);
		dissect(&pkt->dis, &piece, rp->capture->kind, &rp->captured);
		for (unsigned i = 0; i < pkt->dis.n; i++) /* not computed for a piece */
			if (strstr(pkt->dis.f[i].name, ".sum"))
				snprintf(pkt->dis.f[i].text, DIS_TEXT, "ok");
		pkt->at = frame->at + rp->shift;
		free(b);
	}
	return 0;
}

/* "offloaded" is as good as "ok": whoever completes it does it right. */
static void settle_sums(struct dis *dis)
{
	for (unsigned i = 0; i < dis->n; i++)
		if (!strcmp(dis->f[i].text, "offloaded"))
			snprintf(dis->f[i].text, DIS_TEXT, "ok");
}

static void do_frame(struct replay *rp, const struct frame *frame)
{
	bool sent = plan_sent(rp->script, frame, rp->capture->kind);
	struct dis *dis = malloc(sizeof(*dis));

	if (!dis) {
		rp->error = -ENOMEM;
		return;
	}
	if (!sent && map_ahead(frame, rp->capture->kind, &rp->captured, &rp->own)) {
		net_time before = rp->now;

		run_until(rp, rp->now + rp->script->hold, frame);
		rp->shift += rp->now - before;
		if (map_ahead(frame, rp->capture->kind, &rp->captured, &rp->own))
			story_tell(&rp->story, '!',
				   "packet %zu acknowledges what the stack has not sent",
				   frame->number);
	}
	dissect(dis, frame, rp->capture->kind, &rp->captured);
	if (!sent) {
		give(rp, frame, dis);
	} else {
		settle_sums(dis);
		if (!ignored(rp, dis) && want_frame(rp, frame, dis) < 0)
			rp->error = -ENOMEM;
	}
	free(dis);
}

static void do_action(struct replay *rp, const struct action *action)
{
	if (action->act == ACT_MTU)
		(void)net_link_set_mtu(rp->stack, rp->link, (uint32_t)action->value);
	else
		rp->error = app_act(&rp->app, action, rp->problem);
	settle(rp);
}

/* Whether @action comes before frame @i. */
static bool action_first(const struct action *action, const struct frame *frame, size_t i)
{
	if (action->at != frame->at)
		return action->at < frame->at;
	return action->before == SIZE_MAX || action->before <= i;
}

static void run_events(struct replay *rp)
{
	size_t i = 0, k = 0;

	while (!rp->error && (i < rp->capture->n || k < rp->script->n)) {
		const struct frame *frame = i < rp->capture->n ? &rp->capture->frames[i] : NULL;
		const struct action *action = k < rp->script->n ? &rp->script->actions[k] : NULL;
		bool act = !frame || (action && action_first(action, frame, i));

		run_until(rp, rp->start + rp->shift + (act ? action->at : frame->at), NULL);
		if (rp->error)
			break;
		if (act) {
			do_action(rp, action);
			k++;
		} else {
			do_frame(rp, frame);
			i++;
		}
	}
	run_until(rp, rp->now + rp->script->until, NULL);
}

static int configure(struct replay *rp)
{
	const struct script *s = rp->script;
	int r;

	r = net_stack_new(&rp->stack, &s->net);
	if (r < 0)
		return problem_set(rp->problem, r, "the stack refuses its settings: %s",
				   strerror(-r));
	r = net_link_attach(rp->stack, &rp->link, &s->link);
	if (r < 0)
		return problem_set(rp->problem, r, "the link is refused: %s", strerror(-r));
	for (size_t i = 0; i < s->naddrs; i++) {
		struct net_ifaddr addr = s->addrs[i];

		addr.link = rp->link;
		r = net_addr_add(rp->stack, &addr);
		if (r < 0 && r != -EEXIST)
			return problem_set(rp->problem, r, "address %zu: %s", i + 1, strerror(-r));
	}
	for (size_t i = 0; i < s->nroutes; i++) {
		struct net_route route = s->routes[i];

		route.link = rp->link;
		r = net_route_add(rp->stack, &route);
		if (r < 0 && r != -EEXIST)
			return problem_set(rp->problem, r, "route %zu: %s", i + 1, strerror(-r));
	}
	for (size_t i = 0; i < s->nneighs && s->link.kind == NET_LINK_ETHER; i++) {
		struct net_neigh neigh = s->neighs[i];

		neigh.link = rp->link;
		r = net_neigh_set(rp->stack, &neigh);
		if (r < 0)
			return problem_set(rp->problem, r, "neighbour %zu: %s", i + 1,
					   strerror(-r));
	}
	net_drops_watch(rp->stack, true);
	return 0;
}

int replay_run(struct replay_result *ret, const struct script *script,
	       const struct capture *capture, FILE *story, struct problem *problem)
{
	struct replay rp = {
		.script = script,
		.capture = capture,
		.result = ret,
		.problem = problem,
		.start = script->net.now,
		.now = script->net.now,
		.input = SIZE_MAX,
	};

	memset(ret, 0, sizeof(*ret));
	problem->text[0] = '\0';
	ret->did.kind = kind_of(script);
	rp.story = (struct story){.to = story, .start = rp.start, .now = rp.now};
	rp.error = configure(&rp);
	rp.app = (struct app){
		.stack = rp.stack, .story = &rp.story, .flows = &rp.own, .script = script};
	if (!rp.error)
		run_events(&rp);
	app_fini(&rp.app);
	net_stack_free(rp.stack);
	flows_fini(&rp.captured);
	ret->flows = rp.own;
	if (rp.error && !*problem->text)
		problem_set(problem, rp.error, "%s", strerror(-rp.error));
	return rp.error;
}

void replay_fini(struct replay_result *result)
{
	capture_fini(&result->did);
	cmp_fini(&result->want);
	cmp_fini(&result->got);
	flows_fini(&result->flows);
}

int replay_dissect(struct cmp_list *ret, const struct capture *did, struct flows *flows)
{
	for (size_t i = 0; i < did->n; i++) {
		struct cmp_pkt *pkt = cmp_add(ret);

		if (!pkt)
			return -ENOMEM;
		pkt->at = did->frames[i].at;
		dissect(&pkt->dis, &did->frames[i], did->kind, flows);
		if (!did->frames[i].sent)
			ret->n--; /* only the conversation's memory wants to see it */
	}
	return 0;
}
