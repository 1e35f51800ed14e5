"""What is known about each real dataset: what it holds, its licence, its protocol, and where it is obtained.

Nothing is downloaded from here: most of these sets are given out to those who agree to their terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from humansense.core import HumansenseError


@dataclass(frozen=True)
class Dataset:
    """name: that of its reader, which reads the pictures that figures are reported on; others: the readers of the rest.

    holds: what is annotated. layout: the files that are expected under the folder that is given.
    """

    name: str
    title: str
    holds: str
    licence: str
    protocol: str
    where: str
    layout: str
    others: tuple[str, ...] = ()

    def refuse(self, root: Path, what: str = "") -> HumansenseError:
        """The error for a folder that lacks something: what was expected, where to get it, and on which terms."""
        said = what or f"{root} is not {self.title}"
        return HumansenseError(
            f"{said}: expected {self.layout}. The dataset is obtained from {self.where}; licence: {self.licence}"
        )


_ROWS = (
    Dataset(
        "lsp",
        "Leeds Sports Pose",
        "2,000 photos of sports, one person each: 14 joints",
        "none stated, for research; the photos are their Flickr authors'",
        "PCK@0.2 of the torso (left shoulder to right hip) on the last 1,000 photos: `pck_lsp14`",
        "http://sam.johnson.io/research/lsp.html",
        "joints.mat (3 x 14 x 2000) and images/im0001.jpg ...",
        ("lsp-train",),
    ),
    Dataset(
        "lspet",
        "Leeds Sports Pose Extended",
        "10,000 photos of sports, one person each: 14 joints, those that are seen",
        "none stated, for research; the photos are their Flickr authors'",
        "a training set; where it is measured on, PCK@0.2 of the torso: `pck_lsp14`",
        "http://sam.johnson.io/research/lspet.html",
        "joints.mat (14 x 3 x 10000) and images/im00001.jpg ...",
    ),
    Dataset(
        "mpii",
        "MPII Human Pose",
        "25,000 pictures of videos, 40,000 people: 16 joints, head boxes, place and scale",
        "Simplified BSD; the pictures are of videos whose rights are others'",
        "PCKh@0.5 by 0.6 times the diagonal of the head box: `pckh_mpii`; the truth of the test pictures is withheld, "
        "so these are the training pictures, or with the reader mpii-single the people who stand well apart in them",
        "http://human-pose.mpi-inf.mpg.de",
        "mpii_human_pose_v1_u12_1.mat (or annot/ with it) and images/015601864.jpg ...",
        ("mpii-single",),
    ),
    Dataset(
        "coco",
        "COCO Keypoints",
        "pictures of everyday scenes, 250,000 people: 17 joints, boxes, masks",
        "annotations CC BY 4.0; the photos are under the licences of their Flickr authors",
        "average precision by object keypoint similarity on val2017 (`metrics.KeypointAP`, `metrics.BoxAP`)",
        "https://cocodataset.org",
        "annotations/person_keypoints_val2017.json and val2017/000000000139.jpg ... (or images/val2017/)",
        ("coco-train",),
    ),
    Dataset(
        "coco-json",
        "pictures with annotations in COCO's format",
        "boxes, and masks and keypoints where the file has them",
        "that of the pictures",
        "average precision (`metrics.KeypointAP`, `metrics.BoxAP`)",
        "`humansense data export SET OUT --format coco`, or any labelling tool",
        "one annotations.json (or another .json with `images`, `annotations` and `categories`) in the folder or in "
        "annotations/, and the pictures beside it or in images/",
    ),
    Dataset(
        "h36m",
        "Human3.6M",
        "3.6 million frames of 11 people in a studio from 4 cameras: 17 joints in the picture and in space, cameras",
        "for academic use, by agreement",
        "mean joint error on every 64th frame of subject S11 (Varol 2019, 3.5.4 and 4.4.4); S9 is for validation, "
        "S1, S5, S6, S7, S8 for training",
        "http://vision.imar.ro/human3.6m",
        "S11/Videos/Directions.54138969.mp4 ..., S11/MyPoseFeatures/D3_Positions_mono/Directions.54138969.cdf ... (or "
        ".cdf.mat) and metadata.xml",
        ("h36m-val", "h36m-train"),
    ),
    Dataset(
        "fsitting",
        "Freiburg Sitting People",
        "200 photos of 6 people in a wheelchair, 300 x 300 pixels: 14 parts",
        "for research",
        "mean IoU and accuracy of the 14 parts on 4 of the subjects (Oliveira 2016; Varol 2019, 3.5.3): `part_iou`, "
        "`part_accuracy`",
        "http://www2.informatik.uni-freiburg.de/~oliveira/datasets.html",
        "a folder for each split and subject, test/SUBJECT/images/NAME.png with test/SUBJECT/masks/NAME.png: labels 0 "
        "to 14, in the order of labels.txt (a name of `parts14` a line) where there is one",
        ("fsitting-train",),
    ),
    Dataset(
        "up",
        "Unite the People, UP-S31",
        "8,500 photos of sports: 31 parts, from bodies that were fitted to them",
        "CC BY-NC 4.0",
        "macro F1 and accuracy of the parts on the test photos (Lassner 2017): `part_f1`, the 31 parts merged to 14",
        "http://files.is.tuebingen.mpg.de/classner/up",
        "s31/test_31_500_pkg_dorder.txt and s31/31/500/pkg_dorder/00000_image.png with 00000_ann.png ...",
        ("up-train",),
    ),
    Dataset(
        "pascal-parts",
        "PASCAL person parts",
        "3,500 photos of PASCAL VOC 2010: 24 parts of every person, of which 14 are kept",
        "for research (PASCAL VOC: the Flickr terms of use)",
        "mean IoU of 6 parts and the background (Chen 2016): `part_iou_pascal6`, on the validation photos where the "
        "lists of VOC are there",
        "http://roozbehm.info/pascal-parts/pascal-parts.html, the photos from "
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2010",
        "Annotations_Part/2008_000003.mat ... and JPEGImages/ (or VOCdevkit/VOC2010/JPEGImages/) with the photos",
        ("pascal-parts-train",),
    ),
    Dataset(
        "ccp",
        "Clothing Co-Parsing",
        "1,004 photos of street fashion: 59 labels of clothes, skin and hair, read as the person's mask",
        "Apache-2.0 for the annotations; the photos are their authors'",
        "IoU of the person's mask: `mask_iou`",
        "https://github.com/bearpaw/clothing-co-parsing",
        "photos/0001.jpg ... and annotations/pixel-level/0001.mat ...",
    ),
    Dataset(
        "surreal",
        "SURREAL",
        "6.5 million frames of synthetic people: 24 parts, depth, flow, 24 joints, SMPL",
        "non-commercial research, by registration",
        "parts and depth on the middle frame of each clip (Varol 2019, 3.5.2): the reader surreal-middle",
        "https://www.di.ens.fr/willow/research/surreal/data/",
        "cmu/test/run0/01_01/01_01_c0001.mp4 with _info.mat, _segm.mat and _depth.mat beside it",
        ("surreal-middle",),
    ),
    Dataset(
        "images",
        "a folder of pictures",
        "nothing: to look at, and to count false detections",
        "that of the pictures",
        "none",
        "wherever you have pictures",
        "NAME.jpg, .png, .webp ...",
    ),
)

DATASETS: Mapping[str, Dataset] = MappingProxyType({row.name: row for row in _ROWS})
"""Name -> what is known, in the order in which `humansense data list` prints them."""
