"""Video files: frames in, frames out."""

from humansense.video.read import VIDEO_SUFFIXES, VideoInfo, frame_times, probe_video, read_frames
from humansense.video.write import VideoWriter

__all__ = ["VIDEO_SUFFIXES", "VideoInfo", "VideoWriter", "frame_times", "probe_video", "read_frames"]
