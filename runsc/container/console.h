/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals: a host pty for engines (its controlling side goes over --console-socket), or the caller's
 * own tty in raw mode. Line discipline is the sandbox's: the host side is always raw. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/cause.h"

/* Makes a pty, sends its master to the socket at @path, and returns the raw slave. */
int console_send(const char *path, uint16_t rows, uint16_t cols, struct cause *cause);

/* Puts @fd into raw mode until console_restore(); a no-op when it is not a tty. */
int console_raw(int fd, struct cause *cause);
void console_restore(void);
bool console_size(int fd, uint16_t *rows, uint16_t *cols);
