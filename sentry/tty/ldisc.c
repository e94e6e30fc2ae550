/* SPDX-License-Identifier: Apache-2.0 */
/* The line discipline: input editing, echo, special characters, output processing. See ldisc.h. */
#include "tty/ldisc.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <ctype.h>
#include <signal.h>
#include <string.h>

#include "util/cleanup.h"

/* asm-generic/ioctls.h has them, but glibc's header of the same names would clash. */
#ifndef TIOCPKT_FLUSHREAD
#define TIOCPKT_FLUSHREAD 1
#define TIOCPKT_FLUSHWRITE 2
#define TIOCPKT_STOP 4
#define TIOCPKT_START 8
#define TIOCPKT_NOSTOP 16
#define TIOCPKT_DOSTOP 32
#define TIOCPKT_IOCTL 64
#endif

#define DISABLED_CHAR 0 /* _POSIX_VDISABLE */

static bool lflag(const struct ldisc *ld, uint32_t f)
{
	return (ld->tio.lflag & f) != 0;
}

static bool is_cc(const struct ldisc *ld, int which, uint8_t c)
{
	return c != DISABLED_CHAR && ld->tio.cc[which] == c;
}

static bool is_cntrl(uint8_t c)
{
	return c < 32 || c == 127;
}

/* The second and later bytes of a UTF-8 sequence. */
static bool is_continuation(const struct ldisc *ld, uint8_t c)
{
	return (ld->tio.iflag & IUTF8) && (c & 0xc0) == 0x80;
}

void ldisc_init(struct ldisc *ld)
{
	static const uint8_t cc[LDISC_NCC] = {3,   034, 0177, 025, 4,	0,   1, 0, 021, 023,
					      032, 0,	022,  017, 027, 026, 0, 0, 0};

	memset(ld, 0, sizeof(*ld));
	ld->tio.iflag = ICRNL | IXON;
	ld->tio.oflag = OPOST | ONLCR;
	ld->tio.cflag = B38400 | CS8 | CREAD;
	ld->tio.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	memcpy(ld->tio.cc, cc, sizeof(cc));
	ld->tio.ispeed = ld->tio.ospeed = 38400;
}

/* ---- the ring of input ---- */

static uint8_t in_at(const struct ldisc *ld, uint32_t pos)
{
	return ld->in[pos % LDISC_IN_SIZE];
}

static bool eol_at(const struct ldisc *ld, uint32_t pos)
{
	pos %= LDISC_IN_SIZE;
	return (ld->eol[pos / 8] >> (pos % 8)) & 1;
}

static void put_in(struct ldisc *ld, uint8_t c, bool eol)
{
	uint32_t pos = ld->head++ % LDISC_IN_SIZE;
	uint8_t bit = (uint8_t)(1U << (pos % 8));

	ld->in[pos] = c;
	if (eol)
		ld->eol[pos / 8] |= bit;
	else
		ld->eol[pos / 8] &= (uint8_t)~bit;
}

/* ---- output ---- */

void ldisc_put_raw(struct ldisc *ld, uint8_t c)
{
	if (ld->otail - ld->ohead < LDISC_OUT_SIZE)
		ld->out[ld->otail++ % LDISC_OUT_SIZE] = c;
}

/* One byte with output processing (POSIX 11.2.3). */
static void opost(struct ldisc *ld, uint8_t c)
{
	uint32_t oflag = ld->tio.oflag;

	switch (c) {
	case '\n':
		if (oflag & ONLRET)
			ld->column = 0;
		if (oflag & ONLCR) {
			ld->column = 0;
			ldisc_put_raw(ld, '\r');
		}
		ld->canon_column = ld->column;
		break;
	case '\r':
		if ((oflag & ONOCR) && ld->column == 0)
			return;
		if (oflag & OCRNL) {
			c = '\n';
			if (oflag & ONLRET)
				ld->canon_column = ld->column = 0;
			break;
		}
		ld->canon_column = ld->column = 0;
		break;
	case '\t': {
		uint32_t spaces = 8 - (ld->column & 7);

		ld->column += spaces;
		if ((oflag & TABDLY) == XTABS) {
			while (spaces-- > 0)
				ldisc_put_raw(ld, ' ');
			return;
		}
		break;
	}
	case '\b':
		if (ld->column > 0)
			ld->column--;
		break;
	default:
		if (is_cntrl(c))
			break;
		if (oflag & OLCUC)
			c = (uint8_t)toupper(c);
		if (!is_continuation(ld, c))
			ld->column++;
		break;
	}
	ldisc_put_raw(ld, c);
}

size_t ldisc_output(struct ldisc *ld, const uint8_t *buf, size_t n)
{
	size_t i;

	if (ld->stopped)
		return 0;
	for (i = 0; i < n && ldisc_outq(ld) < LDISC_OUT_LIMIT; i++) {
		if (ld->tio.oflag & OPOST)
			opost(ld, buf[i]);
		else
			ldisc_put_raw(ld, buf[i]);
	}
	return i;
}

size_t ldisc_outq(const struct ldisc *ld)
{
	return ld->otail - ld->ohead;
}

size_t ldisc_take_output(struct ldisc *ld, uint8_t *buf, size_t n)
{
	size_t i;

	for (i = 0; i < n && ld->ohead != ld->otail; i++)
		buf[i] = ld->out[ld->ohead++ % LDISC_OUT_SIZE];
	return i;
}

/* ---- echo ---- */

static void echo_raw(struct ldisc *ld, uint8_t c)
{
	if (ld->tio.oflag & OPOST)
		opost(ld, c);
	else
		ldisc_put_raw(ld, c);
}

static void echo_char(struct ldisc *ld, uint8_t c)
{
	if (lflag(ld, ECHOCTL) && is_cntrl(c) && c != '\t') {
		ldisc_put_raw(ld, '^');
		ldisc_put_raw(ld, c ^ 0100);
		ld->column += 2;
	} else {
		echo_raw(ld, c);
	}
}

static void finish_erasing(struct ldisc *ld)
{
	if (ld->erasing) {
		echo_raw(ld, '/');
		ld->erasing = false;
	}
}

static void echo_back_space(struct ldisc *ld)
{
	ldisc_put_raw(ld, '\b');
	ldisc_put_raw(ld, ' ');
	ldisc_put_raw(ld, '\b');
	if (ld->column > 0)
		ld->column--;
}

/* Goes back over a tab: as many columns as it took, which depends on what stands before it. */
static void echo_erase_tab(struct ldisc *ld)
{
	uint32_t n = 0;
	bool after_tab = false;

	for (uint32_t at = ld->head; at != ld->canon && !after_tab; at--) {
		uint8_t c = in_at(ld, at - 1);

		if (c == '\t')
			after_tab = true;
		else if (is_cntrl(c))
			n += lflag(ld, ECHOCTL) ? 2 : 0;
		else if (!is_continuation(ld, c))
			n++;
	}
	if (!after_tab)
		n += ld->canon_column;
	for (uint32_t back = 8 - (n & 7); back > 0; back--) {
		ldisc_put_raw(ld, '\b');
		if (ld->column > 0)
			ld->column--;
	}
}

/* ---- erasing ---- */

enum erase { ERASE_ONE, ERASE_WORD, ERASE_LINE };

static void echo_erased(struct ldisc *ld, enum erase kind, uint8_t c, uint32_t from, uint32_t n)
{
	if (lflag(ld, ECHOPRT)) {
		if (!ld->erasing) {
			echo_raw(ld, '\\');
			ld->erasing = true;
		}
		echo_char(ld, c);
		for (uint32_t i = 1; i < n; i++)
			ldisc_put_raw(ld, in_at(ld, from + i));
	} else if (kind == ERASE_ONE && !lflag(ld, ECHOE)) {
		echo_char(ld, ld->tio.cc[VERASE]);
	} else if (c == '\t') {
		echo_erase_tab(ld);
	} else {
		if (is_cntrl(c) && lflag(ld, ECHOCTL))
			echo_back_space(ld);
		if (!is_cntrl(c) || lflag(ld, ECHOCTL))
			echo_back_space(ld);
	}
}

static void kill_line_plain(struct ldisc *ld)
{
	ld->head = ld->canon;
	if (!lflag(ld, ECHO))
		return;
	finish_erasing(ld);
	echo_char(ld, ld->tio.cc[VKILL]);
	if (lflag(ld, ECHOK))
		echo_raw(ld, '\n');
}

static void erase(struct ldisc *ld, enum erase kind)
{
	bool seen_word = false;

	if (ld->head == ld->canon)
		return;
	if (kind == ERASE_LINE &&
	    (!lflag(ld, ECHO) || !lflag(ld, ECHOK) || !lflag(ld, ECHOKE) || !lflag(ld, ECHOE))) {
		kill_line_plain(ld);
		return;
	}
	while (ld->head != ld->canon) {
		uint32_t at = ld->head;
		uint8_t c;

		do
			c = in_at(ld, --at);
		while (is_continuation(ld, c) && at != ld->canon);
		if (is_continuation(ld, c))
			break; /* not a whole character */
		if (kind == ERASE_WORD) {
			if (isalnum(c) || c == '_')
				seen_word = true;
			else if (seen_word)
				break;
		}

		uint32_t n = ld->head - at;

		ld->head = at;
		if (lflag(ld, ECHO))
			echo_erased(ld, kind, c, at, n);
		if (kind == ERASE_ONE)
			break;
	}
	if (ld->head == ld->canon && lflag(ld, ECHO))
		finish_erasing(ld);
}

/* ---- input ---- */

void ldisc_flush_input(struct ldisc *ld)
{
	ld->tail = ld->canon = ld->head;
	ld->erasing = ld->lnext = false;
	ld->pkt_status |= TIOCPKT_FLUSHREAD;
}

void ldisc_flush_output(struct ldisc *ld)
{
	ld->ohead = ld->otail;
	ld->pkt_status |= TIOCPKT_FLUSHWRITE;
}

void ldisc_stop(struct ldisc *ld)
{
	if (ld->stopped)
		return;
	ld->stopped = true;
	ld->pkt_status = (uint8_t)((ld->pkt_status & ~TIOCPKT_START) | TIOCPKT_STOP);
}

void ldisc_start(struct ldisc *ld)
{
	if (!ld->stopped)
		return;
	ld->stopped = false;
	ld->pkt_status = (uint8_t)((ld->pkt_status & ~TIOCPKT_STOP) | TIOCPKT_START);
}

static void signal_char(struct ldisc *ld, int signo, uint8_t c)
{
	ld->signals |= 1U << signo;
	if (!lflag(ld, NOFLSH)) {
		ldisc_flush_output(ld);
		ldisc_flush_input(ld);
	}
	if (ld->tio.iflag & IXON)
		ldisc_start(ld);
	if (lflag(ld, ECHO))
		echo_char(ld, c);
}

static void end_line(struct ldisc *ld, uint8_t c)
{
	put_in(ld, c, true);
	ld->canon = ld->head;
}

static void echo_input(struct ldisc *ld, uint8_t c)
{
	if (!lflag(ld, ECHO))
		return;
	finish_erasing(ld);
	if (c == '\n') {
		echo_raw(ld, '\n');
		return;
	}
	if (ld->canon == ld->head)
		ld->canon_column = ld->column;
	echo_char(ld, c);
}

static void put_data(struct ldisc *ld, uint8_t c)
{
	/* PARMRK without ISTRIP: a real 0xff is told from the mark by doubling. */
	if (c == 0xff && (ld->tio.iflag & (PARMRK | ISTRIP)) == PARMRK)
		put_in(ld, c, false);
	put_in(ld, c, false);
}

static void reprint(struct ldisc *ld, uint8_t c)
{
	finish_erasing(ld);
	echo_char(ld, c);
	echo_raw(ld, '\n');
	for (uint32_t at = ld->canon; at != ld->head; at++)
		echo_char(ld, in_at(ld, at));
}

/* Editing and line ends. Returns whether the character is used up. */
static bool receive_canonical(struct ldisc *ld, uint8_t c)
{
	bool ext = lflag(ld, IEXTEN);

	if (is_cc(ld, VERASE, c)) {
		erase(ld, ERASE_ONE);
	} else if (is_cc(ld, VKILL, c)) {
		erase(ld, ERASE_LINE);
	} else if (ext && is_cc(ld, VWERASE, c)) {
		erase(ld, ERASE_WORD);
	} else if (ext && is_cc(ld, VLNEXT, c)) {
		ld->lnext = true;
		if (lflag(ld, ECHO)) {
			finish_erasing(ld);
			if (lflag(ld, ECHOCTL)) {
				ldisc_put_raw(ld, '^');
				ldisc_put_raw(ld, '\b');
			}
		}
	} else if (ext && lflag(ld, ECHO) && is_cc(ld, VREPRINT, c)) {
		reprint(ld, c);
	} else if (c == '\n') {
		if (lflag(ld, ECHO | ECHONL))
			echo_raw(ld, '\n');
		end_line(ld, c);
	} else if (is_cc(ld, VEOF, c)) {
		end_line(ld, DISABLED_CHAR);
	} else if (is_cc(ld, VEOL, c) || (ext && is_cc(ld, VEOL2, c))) {
		echo_input(ld, c);
		end_line(ld, c);
	} else {
		return false;
	}
	return true;
}

/* Signals and flow control. Returns whether the character is used up. */
static bool receive_control(struct ldisc *ld, uint8_t c)
{
	uint32_t iflag = ld->tio.iflag;

	if (iflag & IXON) {
		if (is_cc(ld, VSTART, c)) {
			ldisc_start(ld);
			return true;
		}
		if (is_cc(ld, VSTOP, c)) {
			ldisc_stop(ld);
			return true;
		}
	}
	if (lflag(ld, ISIG)) {
		int signo = is_cc(ld, VINTR, c)	  ? SIGINT
			    : is_cc(ld, VQUIT, c) ? SIGQUIT
			    : is_cc(ld, VSUSP, c) ? SIGTSTP
						  : 0;

		if (signo) {
			signal_char(ld, signo, c);
			return true;
		}
	}
	if (ld->stopped && (iflag & (IXON | IXANY)) == (IXON | IXANY))
		ldisc_start(ld);
	return false;
}

static void receive_char(struct ldisc *ld, uint8_t c)
{
	uint32_t iflag = ld->tio.iflag;

	if (iflag & ISTRIP)
		c &= 0x7f;
	if ((iflag & IUCLC) && lflag(ld, IEXTEN))
		c = (uint8_t)tolower(c);
	if (lflag(ld, EXTPROC)) {
		put_in(ld, c, false);
		return;
	}
	if (ld->lnext) {
		ld->lnext = false;
	} else {
		if (receive_control(ld, c))
			return;
		if (c == '\r') {
			if (iflag & IGNCR)
				return;
			if (iflag & ICRNL)
				c = '\n';
		} else if (c == '\n' && (iflag & INLCR)) {
			c = '\r';
		}
		if (lflag(ld, ICANON) && receive_canonical(ld, c))
			return;
	}
	echo_input(ld, c);
	put_data(ld, c);
}

/* Whether one more character can be handled; a full line without an end takes only what ends it. */
static bool has_room(const struct ldisc *ld)
{
	uint32_t used = ld->head - ld->tail;

	return used < LDISC_IN_SIZE - 2 || (lflag(ld, ICANON) && ld->canon == ld->tail);
}

size_t ldisc_receive(struct ldisc *ld, const uint8_t *buf, size_t n)
{
	size_t i;

	for (i = 0; i < n && has_room(ld); i++) {
		uint32_t before = ld->head;

		receive_char(ld, buf[i]);
		/* Overflow in canonical mode: the character is lost, and the bell says so. */
		if (ld->head - ld->tail > LDISC_IN_SIZE - 2 && ld->canon != ld->head) {
			ld->head = before;
			if (ld->tio.iflag & IMAXBEL)
				ldisc_put_raw(ld, '\a');
		}
	}
	return i;
}

/* ---- reading ---- */

size_t ldisc_available(const struct ldisc *ld)
{
	if (lflag(ld, ICANON) && !lflag(ld, EXTPROC))
		return ld->canon != ld->tail;
	return ld->head - ld->tail;
}

bool ldisc_pollable(const struct ldisc *ld)
{
	size_t need = 1;

	if (!lflag(ld, ICANON) && ld->tio.cc[VTIME] == 0 && ld->tio.cc[VMIN] > 0)
		need = ld->tio.cc[VMIN];
	return ldisc_available(ld) >= need;
}

static size_t read_line(struct ldisc *ld, uint8_t *buf, size_t n)
{
	size_t i = 0;

	while (ld->tail != ld->canon) {
		bool eol = eol_at(ld, ld->tail);
		uint8_t c = in_at(ld, ld->tail);

		if (eol && c == DISABLED_CHAR) { /* end of file: never seen by the reader */
			ld->tail++;
			break;
		}
		if (i == n)
			break;
		ld->tail++;
		buf[i++] = c;
		if (eol)
			break;
	}
	return i;
}

size_t ldisc_read(struct ldisc *ld, uint8_t *buf, size_t n)
{
	size_t i;

	if (lflag(ld, ICANON) && !lflag(ld, EXTPROC))
		return read_line(ld, buf, n);
	for (i = 0; i < n && ld->tail != ld->head; i++)
		buf[i] = in_at(ld, ld->tail++);
	ld->canon = ld->tail;
	return i;
}

size_t ldisc_inq(const struct ldisc *ld)
{
	size_t n = 0;

	if (!lflag(ld, ICANON) || lflag(ld, EXTPROC))
		return ld->head - ld->tail;
	for (uint32_t at = ld->tail; at != ld->canon; at++)
		n += !(eol_at(ld, at) && in_at(ld, at) == DISABLED_CHAR);
	return n;
}

static bool flow_standard(const struct tty_termios *t)
{
	return (t->iflag & IXON) && t->cc[VSTOP] == 023 && t->cc[VSTART] == 021;
}

void ldisc_set_termios(struct ldisc *ld, const struct tty_termios *tio)
{
	struct tty_termios old = ld->tio;

	ld->tio = *tio;
	/* A pseudo terminal has no line that could be set otherwise. */
	ld->tio.cflag = (ld->tio.cflag & ~(uint32_t)(CSIZE | PARENB)) | CS8 | CREAD;
	ld->tio.line = 0;
	if ((old.lflag ^ ld->tio.lflag) & (ICANON | EXTPROC)) {
		memset(ld->eol, 0, sizeof(ld->eol));
		if (!lflag(ld, ICANON) || ld->head == ld->tail) {
			ld->canon = ld->tail;
		} else {
			/* What is there already counts as a line. */
			uint32_t last = (ld->head - 1) % LDISC_IN_SIZE;

			ld->eol[last / 8] |= (uint8_t)(1U << (last % 8));
			ld->canon = ld->head;
		}
		ld->erasing = ld->lnext = false;
	}
	if ((old.iflag & IXON) && !(ld->tio.iflag & IXON))
		ldisc_start(ld);
	if (flow_standard(&old) != flow_standard(&ld->tio)) {
		ld->pkt_status &= (uint8_t) ~(TIOCPKT_NOSTOP | TIOCPKT_DOSTOP);
		ld->pkt_status |= flow_standard(&ld->tio) ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
	}
	if (((old.lflag ^ ld->tio.lflag) & EXTPROC) || lflag(ld, EXTPROC))
		ld->pkt_status |= TIOCPKT_IOCTL;
}
