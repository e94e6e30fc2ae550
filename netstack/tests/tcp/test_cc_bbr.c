/* SPDX-License-Identifier: Apache-2.0 */
/* BBR and DCTCP (RFC 8257), HyStart++ (RFC 9406): the arithmetic. */
#include <criterion/criterion.h>

#include <string.h>

#include "tcp/cc.h"

#define MS(n) ((net_dur)(n) * 1000 * 1000)

/* A path of @rate segments per ms and @rtt: feeds @cc one acknowledgement per ms for @ms. */
struct path {
	struct cc cc;
	net_time now;
	uint64_t delivered;
};

static void drive(struct path *p, uint32_t rate, net_dur rtt, unsigned int ms, bool app_limited)
{
	for (unsigned int i = 0; i < ms; i++) {
		uint32_t rounds = (uint32_t)(rtt / MS(1)) * rate;
		uint32_t bdp = rounds < p->cc.cwnd ? rounds : p->cc.cwnd;
		uint64_t paced = p->cc.pacing_rate / 1000 * (uint64_t)(rtt / MS(1)) / 1000;
		uint32_t flight = paced < p->cc.cwnd ? (uint32_t)paced : p->cc.cwnd;
		uint32_t got = (uint32_t)((uint64_t)bdp * MS(1) / rtt);
		struct cc_ack ack = {
			.now = p->now += MS(1),
			.acked_segs = got ? got : 1,
			.in_flight = flight,
			.flight_now = flight,
			.rtt = rtt,
			.srtt = rtt,
			.mss = 1000,
			.interval = rtt,
			.rate_segs = bdp,
			.prior_delivered = p->delivered > bdp ? p->delivered - bdp : 0,
			.app_limited = app_limited,
		};

		p->delivered += ack.acked_segs;
		ack.delivered = p->delivered;
		if (p->cc.ops->control)
			p->cc.ops->control(&p->cc, &ack);
	}
}

Test(cc_bbr, finds_the_bandwidth_and_paces_at_it)
{
	struct path p = {.now = MS(1)};
	uint64_t want = 10 * 1000 * 1000; /* ten segments of 1000 bytes per ms */

	cc_init(&p.cc, &cc_bbr);
	drive(&p, 10, MS(20), 2000, false);
	cr_assert(p.cc.pacing_rate > want * 7 / 10 && p.cc.pacing_rate < want * 13 / 10, "%llu",
		  (unsigned long long)p.cc.pacing_rate);
	cr_assert(p.cc.cwnd >= 200 && p.cc.cwnd <= 520, "%u", p.cc.cwnd);
	cr_assert_eq(p.cc.u.bbr.full, true);
}

Test(cc_bbr, empties_the_queue_every_ten_seconds)
{
	struct path p = {.now = MS(1)};
	bool low = false;

	cc_init(&p.cc, &cc_bbr);
	drive(&p, 10, MS(20), 1000, false);
	for (int i = 0; i < 11000 && !low; i++) {
		drive(&p, 10, MS(25), 1, false);
		low = p.cc.cwnd == 4;
	}
	cr_assert(low);
}

Test(cc_bbr, a_rate_that_the_application_limits_does_not_lower_the_estimate)
{
	struct path p = {.now = MS(1)};
	uint64_t before;

	cc_init(&p.cc, &cc_bbr);
	drive(&p, 10, MS(20), 1000, false);
	before = p.cc.u.bbr.max[0].bw;
	drive(&p, 1, MS(20), 1000, true);
	cr_assert_eq(p.cc.u.bbr.max[0].bw, before);
}

Test(cc_dctcp, reduces_by_the_marked_fraction)
{
	struct cc_ack ack = {.nxt = {100}, .una = {1}};
	struct cc cc;

	cc_init(&cc, &cc_dctcp);
	cc_set_cwnd(&cc, 100);
	cr_assert_eq(cc.ops->ssthresh(&cc, 0), 50, "the first mark counts fully");
	cc.ops->rtt(&cc, &ack);
	for (int i = 0; i < 400; i++) {
		/* No marks: alpha decays to nothing. */
		ack.una.v += 100;
		ack.nxt.v += 100;
		ack.delivered += 100;
		cc.ops->rtt(&cc, &ack);
	}
	cr_assert(cc.u.dctcp.alpha < 16, "%u", cc.u.dctcp.alpha);
	for (int i = 0; i < 400; i++) {
		/* A quarter is marked: alpha becomes a quarter. */
		ack.una.v += 100;
		ack.nxt.v += 100;
		ack.delivered += 100;
		ack.delivered_ce += 25;
		cc.ops->rtt(&cc, &ack);
	}
	cr_assert(cc.u.dctcp.alpha > 240 && cc.u.dctcp.alpha < 290, "%u", cc.u.dctcp.alpha);
	cr_assert(cc.ops->ssthresh(&cc, 0) >= 86 && cc.ops->ssthresh(&cc, 0) <= 89);
}

static void round_of(struct cc *cc, struct cc_ack *ack, net_dur rtt)
{
	ack->una.v = ack->nxt.v;
	ack->nxt.v += 1000;
	for (int i = 0; i < 10; i++) {
		ack->una.v++;
		ack->rtt = rtt;
		ack->now += MS(1);
		cc_hystart_ack(cc, ack);
	}
}

/* RFC 9406 4.2 */
Test(cc_hystart, a_growing_delay_leads_through_conservative_slow_start_to_avoidance)
{
	struct cc_ack ack = {.nxt = {1000}, .now = MS(1)};
	struct cc cc;

	cc_init(&cc, &cc_cubic);
	cc.hystart_mode = 2;
	cc_set_cwnd(&cc, 40);
	round_of(&cc, &ack, MS(100));
	round_of(&cc, &ack, MS(100));
	cr_assert(!cc.hystart.css);
	round_of(&cc, &ack, MS(120));
	cr_assert(cc.hystart.css);
	cr_assert_eq(cc_hystart_slow(&cc, 8), 2, "a quarter of the growth");
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(cc.ssthresh, CC_SSTHRESH_INFINITE);
		round_of(&cc, &ack, MS(130));
	}
	cr_assert_eq(cc.ssthresh, 40);
}

Test(cc_hystart, jitter_returns_to_slow_start)
{
	struct cc_ack ack = {.nxt = {1000}, .now = MS(1)};
	struct cc cc;

	cc_init(&cc, &cc_cubic);
	cc.hystart_mode = 2;
	cc_set_cwnd(&cc, 40);
	round_of(&cc, &ack, MS(100));
	round_of(&cc, &ack, MS(120));
	cr_assert(cc.hystart.css);
	round_of(&cc, &ack, MS(101));
	cr_assert(!cc.hystart.css);
	cr_assert_eq(cc_hystart_slow(&cc, 8), 8);
	cr_assert_eq(cc.ssthresh, CC_SSTHRESH_INFINITE);
}
