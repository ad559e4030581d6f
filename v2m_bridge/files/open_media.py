"""The one place where media files are opened: as plain files, by their own demuxers, and nothing that they point to.

FFmpeg decides by content what a file is. A text file named ``clip.mov`` may be a playlist that names other files, and
plain text is drawn as a picture of itself. Only containers of picture and sound are tried here.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av.container

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mxf,mpegts,mpegtsraw,mpeg,mpegvideo,m4v,h263,h264,hevc,vvc,av1,obu,ivf,"
    "dv,gxf,lxf,flv,live_flv,ogg,asf,asf_o,wtv,nut,dirac,dnxhd,mjpeg,mjpeg_2000,vc1,yuv4mpegpipe,cine,"
    "wav,w64,aiff,au,mp3,flac,aac,ac3,eac3,caf,dts,wv,amr,"
    "gif,gif_pipe,apng,image2,png_pipe,jpeg_pipe,jpegls_pipe,jpegxl_pipe,jpegxl_anim,jpegxs_pipe,j2k_pipe,tiff_pipe,"
    "bmp_pipe,dpx_pipe,exr_pipe,psd_pipe,webp_pipe,sgi_pipe,sunrast_pipe,pam_pipe,pbm_pipe,pgm_pipe,ppm_pipe,pcx_pipe,"
    "qoi_pipe,hdr_pipe,dds_pipe,pfm_pipe,phm_pipe"
)
"""FFmpeg's names of the demuxers that may be used. None of them opens a second file (``hls``, ``dash``, ``concat``,
``imf``, ``webm_dash_manifest`` would) or takes text for a picture (``tty``, ``bin``, ``ansi``, ``svg_pipe`` would)."""

OPTIONS = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}
"""Nothing is opened through a network or another protocol, nor what a QuickTime file refers to."""


def open_media(path: Path | str) -> av.container.InputContainer:
    """Open a media file for reading.

    Raises:
        OSError: it is no plain file (a pipe, a device, a folder), or not there.
        av.FFmpegError: it is no media that can be read.
    """
    import av

    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(f"{Path(path).name} is not a plain file")
    return av.open(f"file:{os.fspath(path)}", metadata_errors="replace", container_options=OPTIONS)
