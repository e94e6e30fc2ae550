/* SPDX-License-Identifier: Apache-2.0 */
/* The line discipline of a terminal (termios(3); POSIX.1-2017 chapter 11; Linux's N_TTY where both
 * are silent).
 *
 * Pure: no locks, no clock, no tasks. The owner serialises calls, and acts on what they leave
 * behind: bytes for the other side in `out`, signals to raise, packet mode status.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LDISC_IN_SIZE 4096U
#define LDISC_OUT_SIZE 16384U
#define LDISC_OUT_LIMIT 8192U /* writers stop here; the rest is for echoes */
#define LDISC_NCC 19

/* Linux's struct ktermios, as TCGETS2 copies it. */
struct tty_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line;
	uint8_t cc[LDISC_NCC];
	uint32_t ispeed, ospeed;
};

struct ldisc {
	struct tty_termios tio;
	/* Input, free-running positions. tail..canon: complete lines; canon..head: the line being
	 * edited (canonical mode), or all that came (otherwise). */
	uint8_t in[LDISC_IN_SIZE];
	uint8_t eol[LDISC_IN_SIZE / 8]; /* bit: the byte ends a line */
	uint32_t head, tail, canon;
	/* Output that the master has not read. */
	uint8_t out[LDISC_OUT_SIZE];
	uint32_t ohead, otail;
	uint32_t column, canon_column;
	bool lnext, erasing;
	bool stopped;	    /* by the STOP character or TCOOFF */
	uint32_t signals;   /* bit n: signal n is to be raised */
	bool packet;	    /* TIOCPKT */
	uint8_t pkt_status; /* TIOCPKT_* bits not yet reported */
};

void ldisc_init(struct ldisc *ld);
/* Input from the line: takes at most @n bytes, returns how many were taken. */
size_t ldisc_receive(struct ldisc *ld, const uint8_t *buf, size_t n);
/* Output of a program: as above. */
size_t ldisc_output(struct ldisc *ld, const uint8_t *buf, size_t n);
/* How much a program can read now: 0 none; in canonical mode 1 when a line is there. */
size_t ldisc_available(const struct ldisc *ld);
/* Whether a reader or poll(2) with the current VMIN and VTIME is satisfied. */
bool ldisc_pollable(const struct ldisc *ld);
/* Reads up to @n bytes (one line in canonical mode; 0 is end of file). Only when something is
 * available. */
size_t ldisc_read(struct ldisc *ld, uint8_t *buf, size_t n);
/* What FIONREAD says. */
size_t ldisc_inq(const struct ldisc *ld);
size_t ldisc_outq(const struct ldisc *ld);
/* Takes output for the master. */
size_t ldisc_take_output(struct ldisc *ld, uint8_t *buf, size_t n);
void ldisc_set_termios(struct ldisc *ld, const struct tty_termios *tio);
void ldisc_flush_input(struct ldisc *ld);
void ldisc_flush_output(struct ldisc *ld);
void ldisc_stop(struct ldisc *ld);
void ldisc_start(struct ldisc *ld);
/* The bytes of tcflow(3) TCIOFF and TCION: straight to the line. */
void ldisc_put_raw(struct ldisc *ld, uint8_t c);
