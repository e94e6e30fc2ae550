/* SPDX-License-Identifier: Apache-2.0 */
/* Connection tracking and NAT, in virtual time. */
#include "nf/nft_build.h"

/* A rule that needs connections, so that they are tracked. */
static struct lab *lab_tracking(void)
{
	struct lab *lab = lab_new_known();
	struct net_nf_buf *b;
	struct rule r;

	net_nft_begin(lab->stack);
	nft_table(lab);
	nft_chain(lab, "in", "filter", NF_INET_LOCAL_IN, 0, NF_ACCEPT);
	rule_begin(&r, "in");
	b = expr_begin(&r, "ct");
	nfb_be32(b, NFTA_CT_DREG, NFT_REG_1);
	nfb_be32(b, NFTA_CT_KEY, NFT_CT_STATE);
	expr_end(&r);
	cr_assert_eq(rule_end(lab, &r), 0);
	return lab;
}

static net_sock_id udp_on(struct lab *lab, uint16_t port)
{
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name n = name("10.0.0.1", port);

	cr_assert_eq(net_sock_bind(lab->stack, s, (struct sockaddr *)&n.ss, n.len), 0);
	return s;
}

Test(ct, traffic_both_ways_for_a_while_is_a_stream_and_kept_longer)
{
	struct lab *lab = lab_tracking();
	net_sock_id s = udp_on(lab, 53);
	struct net_ct_info ct;
	struct name peer;
	char buf[8];

	net_nft_commit(lab->stack);
	lab_udp(lab, "10.0.0.2", 4000, "10.0.0.1", 53, "q");
	cr_assert_eq(net_info_conntrack(lab->stack, &ct, 1), 1);
	cr_assert_eq(ct.orig.sport, 4000);
	cr_assert_eq(ct.timeout_s, 30);
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), &peer, 0), 1);
	cr_assert_eq(send_to(lab->stack, s, "a", 1, &peer, 0), 1);
	lab_flush(lab);
	net_info_conntrack(lab->stack, &ct, 1);
	cr_assert_eq(ct.timeout_s, 30);
	lab_after(lab, NET_SEC(3));
	lab_udp(lab, "10.0.0.2", 4000, "10.0.0.1", 53, "q");
	net_info_conntrack(lab->stack, &ct, 1);
	cr_assert_eq(ct.timeout_s, 120);
	lab_free(lab);
}

Test(ct, entries_end_by_themselves)
{
	struct lab *lab = lab_tracking();

	(void)udp_on(lab, 53);
	net_nft_commit(lab->stack);
	lab_udp(lab, "10.0.0.2", 4000, "10.0.0.1", 53, "q");
	lab_after(lab, NET_SEC(29));
	cr_assert_eq(net_conntrack_count(lab->stack), 1);
	lab_after(lab, NET_SEC(2));
	net_stack_poll(lab->stack, lab->now);
	cr_assert_eq(net_conntrack_count(lab->stack), 0);
	lab_free(lab);
}

/* nf_conntrack_max: a new connection takes the place of one that was never answered. */
Test(ct, the_table_has_a_limit)
{
	struct lab *lab = lab_tracking();

	(void)udp_on(lab, 53);
	net_nft_commit(lab->stack);
	for (unsigned i = 0; net_ct_setting_name(i); i++) {
		if (strcmp(net_ct_setting_name(i), "nf_conntrack_max") == 0)
			cr_assert_eq(net_ct_setting_set(lab->stack, i, 3), 0);
	}
	for (uint16_t port = 4000; port < 4010; port++)
		lab_udp(lab, "10.0.0.2", port, "10.0.0.1", 53, "q");
	cr_assert_eq(net_conntrack_count(lab->stack), 3);
	lab_free(lab);
}

/* udp dport 53 redirect to :5353, and the answer comes from port 53. */
Test(nat, a_redirected_datagram_is_answered_from_the_port_it_asked)
{
	struct lab *lab = lab_new_known();
	net_sock_id s = udp_on(lab, 5353);
	struct net_nf_buf *b;
	struct name peer;
	struct rule r;
	char buf[8];

	net_nft_begin(lab->stack);
	nft_table(lab);
	nft_chain(lab, "pre", "nat", NF_INET_PRE_ROUTING, -100, NF_ACCEPT);
	rule_begin(&r, "pre");
	rule_dport(&r, 53);
	rule_port_reg(&r, 5353);
	b = expr_begin(&r, "redir");
	nfb_be32(b, NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1);
	expr_end(&r);
	cr_assert_eq(rule_end(lab, &r), 0);
	net_nft_commit(lab->stack);

	lab_udp(lab, "10.0.0.2", 4000, "10.0.0.1", 53, "q");
	cr_assert_eq(recv_from(lab->stack, s, buf, sizeof(buf), &peer, 0), 1);
	cr_assert_eq(send_to(lab->stack, s, "a", 1, &peer, 0), 1);
	cr_assert(lab_tx(lab));
	cr_assert(strstr(lab->text, "udp 53 > 4000"), "%s", lab->text);
	lab_free(lab);
}

Test(nat, a_nat_statement_outside_a_nat_chain_is_refused)
{
	struct lab *lab = lab_new_known();
	struct rule r;

	net_nft_begin(lab->stack);
	nft_table(lab);
	nft_chain(lab, "in", "filter", NF_INET_LOCAL_IN, 0, NF_ACCEPT);
	rule_begin(&r, "in");
	(void)expr_begin(&r, "masq");
	expr_end(&r);
	cr_assert_eq(rule_end(lab, &r), -EOPNOTSUPP);
	net_nft_abort(lab->stack);
	lab_free(lab);
}
