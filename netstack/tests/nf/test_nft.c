/* SPDX-License-Identifier: Apache-2.0 */
/* nftables: what rules do to packets, and transactions. */
#include "nf/nft_build.h"

static struct lab *lab_with_filter(uint32_t policy)
{
	struct lab *lab = lab_new_known();

	net_nft_begin(lab->stack);
	nft_table(lab);
	nft_chain(lab, "in", "filter", NF_INET_LOCAL_IN, 0, policy);
	return lab;
}

static net_sock_id udp_on(struct lab *lab, uint16_t port)
{
	net_sock_id s = open_sock(lab->stack, AF_INET, SOCK_DGRAM, 0);
	struct name n = name("10.0.0.1", port);

	cr_assert_eq(net_sock_bind(lab->stack, s, (struct sockaddr *)&n.ss, n.len), 0);
	return s;
}

static bool arrives(struct lab *lab, net_sock_id s, uint16_t port)
{
	char buf[16];

	lab_udp(lab, "10.0.0.2", 4000, "10.0.0.1", port, "x");
	return recv_from(lab->stack, s, buf, sizeof(buf), NULL, 0) == 1;
}

Test(nft, a_rule_drops_what_it_names_and_nothing_else)
{
	struct lab *lab = lab_with_filter(NF_ACCEPT);
	net_sock_id a = udp_on(lab, 53), b = udp_on(lab, 54);
	struct rule r;

	rule_begin(&r, "in");
	rule_dport(&r, 53);
	rule_verdict(&r, NF_DROP, NULL);
	cr_assert_eq(rule_end(lab, &r), 0);
	net_nft_commit(lab->stack);
	cr_assert(!arrives(lab, a, 53));
	cr_assert(arrives(lab, b, 54));
	cr_assert_eq(lab_drops(lab, DROP_NETFILTER), 1);
	lab_free(lab);
}

Test(nft, the_policy_decides_what_no_rule_does)
{
	struct lab *lab = lab_with_filter(NF_DROP);
	net_sock_id a = udp_on(lab, 53), b = udp_on(lab, 54);
	struct rule r;

	rule_begin(&r, "in");
	rule_dport(&r, 53);
	rule_verdict(&r, NF_ACCEPT, NULL);
	cr_assert_eq(rule_end(lab, &r), 0);
	net_nft_commit(lab->stack);
	cr_assert(arrives(lab, a, 53));
	cr_assert(!arrives(lab, b, 54));
	lab_free(lab);
}

Test(nft, an_aborted_transaction_leaves_nothing)
{
	struct lab *lab = lab_with_filter(NF_DROP);
	net_sock_id a = udp_on(lab, 53);
	struct net_nf_buf dump = { 0 };
	struct net_nf_error err = { 0 };
	uint32_t before = net_nft_generation(lab->stack);

	net_nft_abort(lab->stack);
	cr_assert(arrives(lab, a, 53));
	cr_assert_eq(net_nft_generation(lab->stack), before);
	cr_assert_eq(net_nft_get(lab->stack, NFT_MSG_GETTABLE, NFPROTO_UNSPEC, true, NULL, 0, &dump, &err), 0);
	cr_assert_eq(dump.len, 0);
	lab_free(lab);
}

Test(nft, a_deletion_that_is_undone_leaves_the_rule_in_force)
{
	struct lab *lab = lab_with_filter(NF_DROP);
	net_sock_id a = udp_on(lab, 53);
	struct net_nf_buf b = { 0 };

	net_nft_commit(lab->stack);
	net_nft_begin(lab->stack);
	nfb_str(&b, NFTA_TABLE_NAME, "t");
	cr_assert_eq(nft_send(lab, NFT_MSG_DELTABLE, 0, &b), 0);
	net_nft_abort(lab->stack);
	cr_assert(!arrives(lab, a, 53));
	lab_free(lab);
}

Test(nft, a_jump_returns_behind_the_rule_it_came_from)
{
	struct lab *lab = lab_with_filter(NF_DROP);
	net_sock_id a = udp_on(lab, 53);
	struct rule r;

	nft_chain(lab, "sub", NULL, 0, 0, 0);
	rule_begin(&r, "in");
	rule_verdict(&r, NFT_JUMP, "sub");
	cr_assert_eq(rule_end(lab, &r), 0);
	rule_begin(&r, "in");
	rule_verdict(&r, NF_ACCEPT, NULL);
	cr_assert_eq(rule_end(lab, &r), 0);
	rule_begin(&r, "sub");
	rule_verdict(&r, NFT_RETURN, NULL);
	cr_assert_eq(rule_end(lab, &r), 0);
	net_nft_commit(lab->stack);
	cr_assert(arrives(lab, a, 53));
	lab_free(lab);
}

Test(nft, a_loop_of_jumps_is_refused)
{
	struct lab *lab = lab_with_filter(NF_ACCEPT);
	struct rule r;

	nft_chain(lab, "a", NULL, 0, 0, 0);
	nft_chain(lab, "b", NULL, 0, 0, 0);
	rule_begin(&r, "a");
	rule_verdict(&r, NFT_JUMP, "b");
	cr_assert_eq(rule_end(lab, &r), 0);
	rule_begin(&r, "b");
	rule_verdict(&r, NFT_JUMP, "a");
	cr_assert_eq(rule_end(lab, &r), -ELOOP);
	net_nft_abort(lab->stack);
	lab_free(lab);
}

Test(nft, a_chain_that_is_jumped_to_cannot_go)
{
	struct lab *lab = lab_with_filter(NF_ACCEPT);
	struct net_nf_buf b = { 0 };
	struct rule r;

	nft_chain(lab, "sub", NULL, 0, 0, 0);
	rule_begin(&r, "in");
	rule_verdict(&r, NFT_JUMP, "sub");
	cr_assert_eq(rule_end(lab, &r), 0);
	nfb_str(&b, NFTA_CHAIN_TABLE, "t");
	nfb_str(&b, NFTA_CHAIN_NAME, "sub");
	cr_assert_eq(nft_send(lab, NFT_MSG_DELCHAIN, 0, &b), -EBUSY);
	net_nft_abort(lab->stack);
	lab_free(lab);
}

Test(nft, a_limit_refills_with_time)
{
	struct lab *lab = lab_with_filter(NF_DROP);
	net_sock_id a = udp_on(lab, 53);
	struct net_nf_buf *b;
	struct rule r;

	rule_begin(&r, "in");
	b = expr_begin(&r, "limit");
	nfb_be64(b, NFTA_LIMIT_RATE, 1);
	nfb_be64(b, NFTA_LIMIT_UNIT, 1);
	nfb_be32(b, NFTA_LIMIT_BURST, 2);
	expr_end(&r);
	rule_verdict(&r, NF_ACCEPT, NULL);
	cr_assert_eq(rule_end(lab, &r), 0);
	net_nft_commit(lab->stack);
	cr_assert(arrives(lab, a, 53));
	cr_assert(arrives(lab, a, 53));
	cr_assert(!arrives(lab, a, 53));
	lab_after(lab, NET_MS(999));
	cr_assert(!arrives(lab, a, 53));
	lab_after(lab, NET_MS(2));
	cr_assert(arrives(lab, a, 53));
	lab_free(lab);
}

/* The bytes of an expression come back as they went in. */
Test(nft, a_dump_gives_back_what_was_loaded)
{
	struct lab *lab = lab_with_filter(NF_ACCEPT);
	struct net_nf_buf dump = { 0 };
	struct net_nf_error err = { 0 };
	uint8_t expr[256];
	size_t len;
	struct rule r;

	rule_begin(&r, "in");
	rule_dport(&r, 53);
	len = r.b.len - r.list;
	cr_assert_lt(len, sizeof(expr));
	memcpy(expr, r.b.data + r.list + 4, len - 4);
	cr_assert_eq(rule_end(lab, &r), 0);
	net_nft_commit(lab->stack);
	cr_assert_eq(net_nft_get(lab->stack, NFT_MSG_GETRULE, NFPROTO_IPV4, true, NULL, 0, &dump, &err), 0);
	cr_assert(memmem(dump.data, dump.len, expr, len - 4) != NULL);
	net_nf_buf_fini(&dump);
	lab_free(lab);
}

Test(nft, names_that_are_not_there_are_enoent)
{
	struct lab *lab = lab_with_filter(NF_ACCEPT);
	struct rule r;

	rule_begin(&r, "nosuch");
	cr_assert_eq(rule_end(lab, &r), -ENOENT);
	rule_begin(&r, "in");
	(void)expr_begin(&r, "nosuch");
	expr_end(&r);
	cr_assert_eq(rule_end(lab, &r), -ENOENT);
	net_nft_abort(lab->stack);
	lab_free(lab);
}
