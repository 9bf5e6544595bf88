"""The second generation of the model: from a picture to voxels with materials.

Beside `pipeline`, whose stages these follow: look at the picture, find the solid cells of a coarse
grid (structure), then latents of shape and of material for each (appearance), then decode. What is
new: the shape may be found twice, coarse and then finer (a cascade), and voxels come by splitting.
`plan` says what can be asked, `stages` do the work, `pipeline` is the door: `Trellis2`.
"""

from .pipeline import Trellis2
from .plan import Noise2, Sample2

__all__ = ["Noise2", "Sample2", "Trellis2"]
