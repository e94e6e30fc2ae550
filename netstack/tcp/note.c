/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the user, through the error queue, what became of a write.
 *
 * A stamp is of the write's last byte: when it was handed to the link (SCHED and SND: there is no
 * device below that could be later) and when it was acknowledged. MSG_ZEROCOPY copies, and says so,
 * as Linux does over its loopback; the completion comes when the last byte is acknowledged. Notes of
 * a connection are bounded.
 */
#include <errno.h>
#include <linux/net_tstamp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tcp/conn.h"

#define NOTES_MAX 4096u

enum { SCM_SND, SCM_SCHED, SCM_ACK }; /* SCM_TSTAMP_* */

static bool room(struct tcp_notes *notes)
{
	uint32_t cap = notes->cap ? 2 * notes->cap : 8;
	struct tcp_note *more;

	if (notes->count < notes->cap)
		return true;
	if (notes->count >= NOTES_MAX)
		return false;
	more = realloc(notes->note, cap * sizeof(*more));
	if (!more)
		return false;
	notes->note = more;
	notes->cap = cap;
	return true;
}

static uint8_t wanted_stamps(const struct tcp_conn *conn, const struct net_msg *msg)
{
	uint32_t flags = conn->sk.opt.stamping;
	uint8_t stamps = 0;

	if (msg->ctl.has & NET_CTL_STAMPING)
		flags |= msg->ctl.stamping_flags;
	if (flags & SOF_TIMESTAMPING_TX_SCHED)
		stamps |= NOTE_SCHED;
	if (flags & SOF_TIMESTAMPING_TX_SOFTWARE)
		stamps |= NOTE_SND;
	if (flags & SOF_TIMESTAMPING_TX_ACK)
		stamps |= NOTE_ACK;
	return stamps;
}

bool tcp_note_room(struct tcp_conn *conn, int flags)
{
	return !(flags & MSG_ZEROCOPY) || !conn->sk.opt.zerocopy || room(&conn->notes);
}

void tcp_note_write(struct tcp_conn *conn, const struct net_msg *msg, int flags)
{
	struct tcp_notes *notes = &conn->notes;
	struct tcp_note note = {
		.end = sendbuf_end(&conn->sb),
		.stamps = wanted_stamps(conn, msg),
		.zerocopy = flags & MSG_ZEROCOPY && conn->sk.opt.zerocopy,
	};

	if ((!note.stamps && !note.zerocopy) || !room(notes))
		return;
	if (note.zerocopy)
		note.zc_id = conn->sk.zc_id++;
	notes->note[notes->count++] = note;
}

/* The bytes that a stamp is shown with: the end of the write, as much as is handy. */
static uint32_t copy_tail(const struct tcp_conn *conn, struct seq end, uint8_t *ret, uint32_t max)
{
	struct pkt *pkt;
	uint32_t n = MIN(max, seq_len(conn->sb.start, end));

	if (seq_le(end, conn->sb.start) || !n)
		return 0;
	pkt = pkt_new(&conn->sk.core->pool, PKT_HEADROOM);
	if (!pkt)
		return 0;
	n = sendbuf_ref(&conn->sb, pkt, seq_sub(end, n), n);
	n = (uint32_t)pkt_read(pkt, 0, ret, n);
	pkt_free(pkt);
	return n;
}

static void stamp(struct tcp_conn *conn, struct tcp_note *note, enum note_stamp which, uint32_t scm)
{
	uint8_t bytes[64];
	uint32_t id = 0, len = 0;

	if (!(note->stamps & which))
		return;
	note->stamps &= (uint8_t)~which;
	if (conn->notes.counting)
		id = seq_len(conn->notes.id_base, note->end) - 1;
	if (!(conn->sk.opt.stamping & SOF_TIMESTAMPING_OPT_TSONLY))
		len = copy_tail(conn, note->end, bytes, sizeof(bytes));
	sock_note_stamp(&conn->sk, scm, id, bytes, len);
}

void tcp_note_sent(struct tcp_conn *conn, struct seq nxt)
{
	for (uint32_t i = 0; i < conn->notes.count; i++) {
		struct tcp_note *note = &conn->notes.note[i];

		if (seq_gt(note->end, nxt))
			break;
		stamp(conn, note, NOTE_SCHED, SCM_SCHED);
		stamp(conn, note, NOTE_SND, SCM_SND);
	}
}

void tcp_note_acked(struct tcp_conn *conn, struct seq una)
{
	struct tcp_notes *notes = &conn->notes;
	uint32_t n = 0;

	for (; n < notes->count && seq_le(notes->note[n].end, una); n++) {
		stamp(conn, &notes->note[n], NOTE_ACK, SCM_ACK);
		if (notes->note[n].zerocopy)
			sock_note_zerocopy(&conn->sk, notes->note[n].zc_id);
	}
	notes->count -= n;
	memmove(notes->note, notes->note + n, notes->count * sizeof(*notes->note));
}

void tcp_note_flush(struct tcp_conn *conn)
{
	struct tcp_notes *notes = &conn->notes;

	for (uint32_t i = 0; i < notes->count; i++) {
		if (notes->note[i].zerocopy)
			sock_note_zerocopy(&conn->sk, notes->note[i].zc_id);
	}
	free(notes->note);
	notes->note = NULL;
	notes->count = notes->cap = 0;
}

void tcp_note_options(struct tcp_conn *conn)
{
	bool counting = conn->sk.opt.stamping & SOF_TIMESTAMPING_OPT_ID;

	/* SOF_TIMESTAMPING_OPT_ID_TCP (1 << 16): from what is written next, not from what is
	 * acknowledged. */
	if (counting && !conn->notes.counting)
		conn->notes.id_base = conn->sk.opt.stamping & 1u << 16 ? sendbuf_end(&conn->sb)
								       : conn->snd.una;
	conn->notes.counting = counting;
}
