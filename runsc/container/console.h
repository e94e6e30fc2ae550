/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals: a host pty for engines (its controlling side goes over --console-socket), or the
 * caller's own tty. The line discipline is the host's; the container's termios calls reach it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/cause.h"

/* Makes a pty, sends its master to the socket at @path, and returns the slave. */
int console_send(const char *path, uint16_t rows, uint16_t cols, struct cause *cause);

/* Remembers how the tty is set; a program that was killed may leave it raw. No-op for anything
 * else. */
void console_save(int fd);
void console_restore(void);
bool console_size(int fd, uint16_t *rows, uint16_t *cols);
