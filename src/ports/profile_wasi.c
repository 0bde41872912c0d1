/* A WASI host hears of samples by fd_write to a descriptor that no host gives away: so the module
 * imports nothing beyond WASI. */
#include <wasi/api.h>

#include "ports/profile_host.h"

#define PROFILE_FD 0x7ffffffe /* js/src/profile/channel.js knows it */

int pym__profile_tell(const struct profile_message *message) {
  const __wasi_ciovec_t piece = {(const uint8_t *)message, sizeof *message};
  size_t written = 0;
  return __wasi_fd_write(PROFILE_FD, &piece, 1, &written) == 0 && written == sizeof *message;
}
