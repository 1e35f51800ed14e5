"""Beside Blender: the same dressed person, camera, light, background and maps, on the same machine, in one run.

    python benchmarks/blender_peer.py --env /tmp/blender-env --frames 20

Blender comes as the wheel `bpy` (4.5, Python 3.11, several hundred MB), which is installed into an environment of its
own at `--env`, once; on a bare Debian or Ubuntu its libraries are there after
`apt-get install libx11-6 libxrender1 libxfixes3 libxi6 libxkbcommon0 libsm6 libgl1`.

Blender's part is SURREAL's recipe: Cycles on the CPU at 4 samples; a shader that multiplies the texture by nine
spherical-harmonic coefficients; the background image composited behind; the passes combined, depth, normal, object and
material index, vector (flow) in one multilayer EXR a frame. It is given what makes it fast: a mesh cache instead of 100
shape keys, data that persist between frames, no bounces of light (emission has none). Ours is the renderer with every
map, flow both ways, and their encoding. Two frames, in which both build their scene, are not counted.

Both use `--threads` threads. The seconds are those of the processor, of all threads, so that other programs on the
machine count for neither; with `--wall` they are those of the clock. `iou`: of the two silhouettes, the smallest over
three frames; they must agree to 0.98, so that it is the same scene. `colour_difference`: mean, of 255, where both show
the person. `--keep FOLDER` keeps the pictures of both.
Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES = 4  # SURREAL's code leaves Blender's `samples` at a few; the figure is for 4
SIZE, DISTANCE_M = (240, 320), 8.0
UNCOUNTED = 2  # the scene is built in the first frame, the first flow comes with the second
WANTED_IOU = 0.98
LIBRARIES = "libx11-6 libxrender1 libxfixes3 libxi6 libxkbcommon0 libsm6 libgl1"


# Ours.


def build_scene(seed: int, frames: int) -> dict[str, Any]:
    """A dressed person who walks, seen as SURREAL does: everything that a renderer needs, as arrays."""
    import torch

    from humansense.bodies import dress, load_body, sample_outfit, sample_shapes
    from humansense.core import Camera, look_at
    from humansense.motion import procedural
    from humansense.render import sh_light
    from humansense.synth.backgrounds import procedural_background
    from humansense.synth.fabrics import fabric, hair_colour, hair_texture
    from humansense.synth.skin import skin_texture
    from humansense.synth.skin_layout import skin_layout

    rng, body = np.random.default_rng(seed), load_body()
    shape = torch.from_numpy(sample_shapes(rng, 1))
    phenotype = dict(zip(body.shape_names, (float(v) for v in shape[0]), strict=True))
    motion, rest = procedural("walk", rng, frames, 30.0, body, shape), body.rest(shape)
    dressed = dress(body, sample_outfit(rng, body), rest)
    vertices = dressed.pose_vertices(body, rest, motion.pose, motion.translation).numpy()
    hair = hair_colour(rng)
    skin = skin_texture(rng, skin_layout(), phenotype, hair)
    kinds = dressed.material_kinds[1:]
    textures = [skin, *(hair_texture(rng, colour=hair) if kind == "hair" else fabric(rng) for kind in kinds)]
    middle = (vertices[0].min(0) + vertices[0].max(0)) / 2
    yaw = rng.uniform(-np.pi, np.pi)
    R, t = look_at(middle + DISTANCE_M * np.array([np.sin(yaw), np.cos(yaw), 0.0]), middle)
    focal = SIZE[1] * 60 / 32  # a 60 mm lens on a 32 mm sensor (Varol 2019, 3.3.1)
    return {
        "dressed": dressed,
        "textures": textures,
        "vertices": vertices,
        "camera": Camera(np.array([[focal, 0, SIZE[1] / 2], [0, focal, SIZE[0] / 2], [0, 0, 1]]), R, t, SIZE),
        "light": sh_light(rng),
        "background": procedural_background(rng, SIZE),
    }


def film_ours(scene: dict[str, Any], clock: Any) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
    """Seconds of the counted frames, with encoding; the masks and pictures of all."""
    from humansense.core import Sample
    from humansense.data.maps import encode_maps
    from humansense.render import Renderer, Surface

    dressed, camera, vertices = scene["dressed"], scene["camera"], scene["vertices"]
    surface = Surface(
        faces=dressed.faces,
        face_uv=dressed.face_uv,
        face_texture=dressed.face_material,
        face_instance=np.ones(len(dressed.faces), np.int32),
        vertex_parts=dressed.part_weights,
        face_garment=dressed.face_material + 1,
        vertex_dense=dressed.vertices,
    )
    renderer = Renderer(surface, scene["textures"])
    before, masks, pictures = None, [], []
    start = 0.0
    for t, points in enumerate(vertices):
        if t == UNCOUNTED:
            start = clock()
        frame = renderer.render(points, camera, scene["light"], scene["background"], SAMPLES)
        flow = flow_back = None
        if before is not None:
            flow = renderer.flow(before, camera, frame, points, camera)
            flow_back = renderer.flow(frame, camera, before, vertices[t - 1], camera)
        sample = Sample(
            image=frame.image,
            key="peer",
            parts=frame.parts,
            depth=frame.depth,
            normals=frame.normals,
            instance=frame.instance,
            hidden_depth=frame.hidden_depth,
            flow=flow,
            flow_back=flow_back,
            garments=frame.garments,
            dense=frame.dense,
            camera=camera,
        )
        encode_maps(sample)
        before = frame
        masks.append(frame.instance > 0)
        pictures.append(frame.image)
    return clock() - start, masks, pictures


# Blender's. This part runs in Blender's environment, without humansense.


def export(scene: dict[str, Any], folder: Path) -> None:
    """What Blender reads: `scene.npz`, the textures and the background as PNG, the moving vertices as PC2."""
    from PIL import Image

    dressed, camera, vertices = scene["dressed"], scene["camera"], np.asarray(scene["vertices"], "<f4")
    for i, texture in enumerate(scene["textures"]):
        Image.fromarray(texture).save(folder / f"texture{i}.png")
    Image.fromarray(scene["background"]).save(folder / "background.png")
    header = b"POINTCACHE2\0" + np.array([1, vertices.shape[1]], "<i4").tobytes()
    times = np.array([0, 1], "<f4").tobytes() + np.array([len(vertices)], "<i4").tobytes()
    (folder / "motion.pc2").write_bytes(header + times + vertices.tobytes())
    np.savez(
        folder / "scene.npz",
        vertices=vertices[0],
        frames=len(vertices),
        faces=dressed.faces,
        face_uv=dressed.face_uv,
        face_material=dressed.face_material,
        textures=len(scene["textures"]),
        K=camera.K,
        R=camera.R,
        t=camera.t,
        size=camera.size,
        light=scene["light"],
    )


def add_material(bpy: Any, number: int, picture: Path, light: np.ndarray) -> Any:
    """Texture times irradiance n'An + b'n + c, as nodes (Ramamoorthi and Hanrahan 2001, eq. 11)."""
    c1, c2, c3, c4, c5 = 0.429043, 0.511664, 0.743125, 0.886227, 0.247708
    l00, l1m, l10, l11, l2m2, l2m1, l20, l21, l22 = (float(v) for v in light)
    rows = [
        (c1 * l22, c1 * l2m2, c1 * l21),
        (c1 * l2m2, -c1 * l22, c1 * l2m1),
        (c1 * l21, c1 * l2m1, c3 * l20),
    ]
    linear, constant = (2 * c2 * l11, 2 * c2 * l1m, 2 * c2 * l10), c4 * l00 - c5 * l20

    material = bpy.data.materials.new(f"material{number}")
    material.use_nodes = True
    material.pass_index = number + 1
    nodes, link = material.node_tree.nodes, material.node_tree.links.new
    nodes.clear()

    def node(kind: str, *inputs: Any, **settings: Any) -> Any:
        made = nodes.new(kind)
        for name, value in settings.items():
            setattr(made, name, value)
        for socket, value in zip(made.inputs, inputs, strict=False):
            if hasattr(value, "is_output"):
                link(value, socket)
            else:
                socket.default_value = value
        return made

    normal = node("ShaderNodeNewGeometry").outputs["Normal"]

    def dot(vector: Any) -> Any:
        return node("ShaderNodeVectorMath", normal, vector, operation="DOT_PRODUCT").outputs["Value"]

    turned = node("ShaderNodeCombineXYZ", *(dot(row) for row in rows)).outputs[0]
    quadratic = node("ShaderNodeMath", dot(turned), dot(linear), operation="ADD").outputs[0]
    shading = node("ShaderNodeMath", quadratic, constant, operation="ADD").outputs[0]
    shading = node("ShaderNodeMath", shading, 0.0, operation="MAXIMUM").outputs[0]
    image = bpy.data.images.load(str(picture))
    image.colorspace_settings.name = "Non-Color"  # products in display space, as ours and SURREAL's
    colour = node("ShaderNodeTexImage", image=image).outputs["Color"]
    emission = node("ShaderNodeEmission", colour, shading).outputs[0]
    link(emission, node("ShaderNodeOutputMaterial").inputs["Surface"])
    return material


def build_blender_scene(bpy: Any, folder: Path, threads: int) -> Any:
    import mathutils

    data = np.load(folder / "scene.npz")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    mesh = bpy.data.meshes.new("person")
    mesh.from_pydata(data["vertices"].tolist(), [], data["faces"].tolist())
    mesh.uv_layers.new().data.foreach_set("uv", data["face_uv"].astype(np.float32).reshape(-1))
    mesh.polygons.foreach_set("material_index", data["face_material"].astype(np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(data["faces"]), bool))
    for i in range(int(data["textures"])):
        mesh.materials.append(add_material(bpy, i, folder / f"texture{i}.png", data["light"]))
    person = bpy.data.objects.new("person", mesh)
    person.pass_index = 1
    scene.collection.objects.link(person)
    cache = person.modifiers.new("motion", "MESH_CACHE")
    cache.cache_format, cache.filepath, cache.frame_start = "PC2", str(folder / "motion.pc2"), 0
    cache.forward_axis, cache.up_axis = "POS_Y", "POS_Z"

    height, width = (int(v) for v in data["size"])
    K, R, t = data["K"], data["R"], data["t"]
    camera = bpy.data.cameras.new("camera")
    camera.sensor_width, camera.lens = 32.0, 32.0 * K[0, 0] / width
    camera.shift_x, camera.shift_y = (width / 2 - K[0, 2]) / width, (K[1, 2] - height / 2) / width
    camera.clip_end = 1000
    viewer = bpy.data.objects.new("camera", camera)
    pose = np.eye(4)
    pose[:3, :3] = R.T @ np.diag([1, -1, -1])  # Blender's cameras look along -z, y up
    pose[:3, 3] = -R.T @ t
    viewer.matrix_world = mathutils.Matrix(pose.tolist())
    scene.collection.objects.link(viewer)
    scene.camera = viewer
    scene.frame_start, scene.frame_end = 0, int(data["frames"]) - 1
    set_render(scene, bpy.context.view_layer, (height, width), threads)
    compose(bpy, scene, folder / "background.png")
    return scene


def set_render(scene: Any, layer: Any, size: tuple[int, int], threads: int) -> None:
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_y, render.resolution_x = size
    render.resolution_percentage = 100
    render.threads_mode, render.threads = "FIXED", threads
    render.use_persistent_data, render.film_transparent = True, True
    render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    scene.view_settings.view_transform = "Raw"
    scene.cycles.device, scene.cycles.samples = "CPU", SAMPLES
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.cycles.max_bounces = 0
    for name in ("z", "normal", "object_index", "material_index", "vector"):
        setattr(layer, f"use_pass_{name}", True)


def compose(bpy: Any, scene: Any, background: Path) -> None:
    """The background behind the person, and every pass beside the composite in the EXR."""
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    layers, over = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeAlphaOver")
    image, out = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeComposite")
    image.image = bpy.data.images.load(str(background))
    image.image.colorspace_settings.name = "Non-Color"
    tree.links.new(image.outputs["Image"], over.inputs[1])
    tree.links.new(layers.outputs["Image"], over.inputs[2])
    tree.links.new(over.outputs["Image"], out.inputs["Image"])


def film_blender(folder: Path, threads: int, wall: bool) -> None:
    """Runs in Blender's environment: films the exported scene into `folder`, writes `peer.json` there."""
    import bpy

    clock = time.perf_counter if wall else time.process_time
    scene = build_blender_scene(bpy, folder, threads)
    start = 0.0
    for t in range(scene.frame_end + 1):
        if t == UNCOUNTED:
            start = clock()
        scene.frame_set(t)
        scene.render.filepath = str(folder / f"frame{t:03d}.exr")
        bpy.ops.render.render(write_still=True)
    seconds = clock() - start
    # Afterwards, not counted: silhouettes, sharp ones.
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGBA"
    for t in checked_frames(scene.frame_end + 1):
        scene.frame_set(t)
        scene.use_nodes = True
        scene.render.filepath = str(folder / f"picture{t:03d}.png")
        bpy.ops.render.render(write_still=True)
        scene.use_nodes, scene.cycles.samples = False, 64
        scene.cycles.pixel_filter_type = "BOX"
        scene.render.filepath = str(folder / f"mask{t:03d}.png")
        bpy.ops.render.render(write_still=True)
        scene.cycles.samples, scene.cycles.pixel_filter_type = SAMPLES, "BLACKMAN_HARRIS"
    (folder / "peer.json").write_text(json.dumps({"seconds": seconds, "version": bpy.app.version_string}))


# Both.


def checked_frames(count: int) -> list[int]:
    return sorted({0, count // 2, count - 1})


def blender_python(env: Path) -> Path:
    """The Python that imports bpy, made where it is missing; leaves the program with a message where that fails."""
    python = env / "bin" / "python"
    if not python.exists():
        if sys.version_info[:2] != (3, 11):
            sys.exit("the wheel bpy 4.5 is for Python 3.11: run this script with it, or give --env one that has bpy")
        subprocess.run([sys.executable, "-m", "venv", str(env)], check=True)
    if subprocess.run([str(python), "-c", "import bpy"], capture_output=True, check=False).returncode:
        print("installing bpy: several hundred MB", file=sys.stderr)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "bpy==4.5.*"]
        if subprocess.run(install, check=False).returncode:
            sys.exit("pip could not install bpy==4.5.*: see its message above")
    done = subprocess.run([str(python), "-c", "import bpy"], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        sys.exit(f"bpy does not load ({reason}); on Debian or Ubuntu: apt-get install {LIBRARIES}")
    return python


def compare(folder: Path, masks: list[np.ndarray], pictures: list[np.ndarray]) -> tuple[float, float]:
    """The smallest intersection over union of Blender's and our masks; the mean difference of colour (0..255) there."""
    from PIL import Image

    ious, differences = [], []
    for t in checked_frames(len(masks)):
        theirs = np.array(Image.open(folder / f"mask{t:03d}.png"))[..., 3] >= 128
        both = theirs & masks[t]
        ious.append(both.sum() / (theirs | masks[t]).sum())
        picture = np.array(Image.open(folder / f"picture{t:03d}.png").convert("RGB"), float)
        differences.append(np.abs(picture - pictures[t])[both].mean())
    return float(min(ious)), float(np.mean(differences))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", type=Path, help="folder of Blender's environment; kept")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wall", action="store_true", help="seconds of the clock instead of the processor")
    parser.add_argument("--keep", type=Path, default=None)
    parser.add_argument("--blender", type=Path, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.blender:
        film_blender(args.blender, args.threads, args.wall)
        return
    if args.env is None or args.frames <= UNCOUNTED:
        parser.error("--env FOLDER is needed, and more than two frames")
    python = blender_python(args.env.absolute())

    import torch

    torch.set_num_threads(args.threads)
    scene = build_scene(args.seed, args.frames)
    clock = time.perf_counter if args.wall else time.process_time
    seconds, masks, pictures = film_ours(scene, clock)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        export(scene, folder)
        command = [str(python), __file__, "--blender", str(folder), "--threads", str(args.threads)]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        said = subprocess.run(
            command + ["--wall"] * args.wall, env=environment, capture_output=True, text=True, check=False
        )
        if said.returncode or not (folder / "peer.json").exists():
            sys.exit(f"Blender failed:\n{said.stdout[-2000:]}{said.stderr[-2000:]}")
        theirs = json.loads((folder / "peer.json").read_text())
        iou, difference = compare(folder, masks, pictures)
        megabytes = sum(p.stat().st_size for p in folder.glob("frame*.exr")) / args.frames / 1e6
        if args.keep:
            from PIL import Image

            for t in checked_frames(len(masks)):
                Image.fromarray(pictures[t]).save(folder / f"ours{t:03d}.png")
    counted = args.frames - UNCOUNTED
    line = {
        "benchmark": "blender_peer",
        "blender": theirs["version"],
        "clock": "wall" if args.wall else "processor",
        "threads": args.threads,
        "frames": counted,
        "triangles": len(scene["dressed"].faces),
        "ours_frames_per_second": round(counted / seconds, 1),
        "blender_frames_per_second": round(counted / theirs["seconds"], 2),
        "ratio": round(theirs["seconds"] / seconds, 1),
        "blender_mb_per_frame": round(megabytes, 2),
        "iou": round(iou, 4),
        "colour_difference": round(difference, 1),
    }
    print(json.dumps(line))
    if not iou > WANTED_IOU or not math.isfinite(iou):
        sys.exit(f"the silhouettes agree only to {iou:.3f}, expected more than {WANTED_IOU}: not the same scene")


if __name__ == "__main__":
    main()
