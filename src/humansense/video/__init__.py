"""Video files: frames in, frames out."""

from humansense.video.read import VIDEO_SUFFIXES, VideoInfo, probe_video, read_frames
from humansense.video.write import VideoWriter

__all__ = ["VIDEO_SUFFIXES", "VideoInfo", "VideoWriter", "probe_video", "read_frames"]
