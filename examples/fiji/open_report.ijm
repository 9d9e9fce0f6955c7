// Opens a photograph with the outlines that `plasmoscope analyze` found on it, and counts them by call.
//
// In Fiji or ImageJ: Plugins > Macros > Run, and choose the photograph and its ROIs, REPORT/fields/NNN-NAME-rois.zip.
// From a command line: -macro open_report.ijm "PHOTOGRAPH|ROIS" (with -batch before it for no window at the end).
//
// For research use only; not a medical device. A qualified microscopist must confirm every result.

given = getArgument();
if (given == "") {
    photograph = File.openDialog("The photograph, as it was analysed");
    rois = File.openDialog("Its outlines: REPORT/fields/...-rois.zip");
} else {
    bar = indexOf(given, "|");
    if (bar < 0) exit("Give the photograph and its ROIs, with a | between them.");
    photograph = substring(given, 0, bar);
    rois = substring(given, bar + 1);
}
if (!File.exists(photograph)) exit("There is no photograph " + photograph);
if (!File.exists(rois)) exit("There is no file " + rois);

open(photograph);
roiManager("reset");
roiManager("open", rois);
outlines = roiManager("count");
if (outlines == 0) exit("No object was found on this photograph.");
roiManager("show all without labels");

// A name is number, call and probability, such as "0012 parasitized 0.98"; what was not called has no probability.
List.clear();
outside = 0;
for (i = 0; i < outlines; i++) {
    name = call("ij.plugin.frame.RoiManager.getName", toString(i));
    words = split(name, " ");
    last = words.length - 1;
    if (last > 1 && !isNaN(parseFloat(words[last]))) last--;
    call_ = words[1];
    for (w = 2; w <= last; w++) call_ = call_ + " " + words[w];
    List.set(call_, 1 + parseInt("0" + List.get(call_)));
    roiManager("select", i);
    Roi.getBounds(x, y, width, height);
    if (x < 0 || y < 0 || x + width > getWidth() || y + height > getHeight()) outside++;
}
roiManager("deselect");
run("Select None");
if (outside > 0) print(outside + " outlines lie outside: this is another photograph than the one that was analysed.");

print(File.getName(photograph) + ": " + outlines + " objects");
lines = split(List.getList(), "\n");
for (i = 0; i < lines.length; i++) print(replace(lines[i], "=", ": "));
print("For research use only; not a medical device.");
