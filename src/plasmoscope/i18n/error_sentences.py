"""What errors say, in English, by their codes: those that the HTTP interface answers, and that pages and reports show.

An error is raised with its code and values, as ``ConflictError("slide_open", slide="S-7")``: the sentence is here, and
nowhere else. A code stays when its sentence is put better, since programs and records know it.
"""

from collections.abc import Mapping

from plasmoscope.messages import mark

# After the picture's name.
_IMAGES = {
    "empty_file": mark("the file is empty; copy it again from where it came"),
    "file_not_opened": mark("the file cannot be opened (%(detail)s)"),
    "file_too_large": mark("more than the %(most)s MB allowed; export a smaller file"),
    "unknown_format": mark("not an image in a format that can be read (PNG, JPEG, TIFF, BMP, WebP, ...)"),
    "heic_photograph": mark(
        "a HEIC photograph, as iPhones save them: choose 'Most Compatible' under Settings, Camera, Formats, or install "
        "what reads them with: %(command)s"
    ),
    "damaged_image": mark("the image is damaged or cut short (%(detail)s); copy or export it again"),
    "no_picture": mark("this is no picture (%(detail)s); give %(needed)s"),
    "ambiguous_array": mark("an array of %(kind)s is ambiguous; give uint8 values from 0 to 255"),
    "animated_image": mark("it holds %(pictures)s pictures, as an animation does; save each as a picture of its own"),
    "too_many_pixels": mark("%(size)s pixels are more than the %(most)s million allowed; make the picture smaller"),
    "far_too_many_pixels": mark("its pixels are more than the %(most)s million allowed; make the picture smaller"),
    "side_too_long": mark("%(size)s pixels: no side may be longer than %(most)s; cut the picture up"),
    "deep_in_pillow": mark("Pillow gives 8 of the %(bits)s bits of its colours; give the file's path instead"),
    "named": mark("%(name)s: %(error)s"),
    "on_page": mark("page %(page)s: %(error)s"),
    "page_too_large": mark("page %(page)s by itself is more than the %(most)s MB allowed; save it as a JPEG"),
    "several_pages": mark(
        "it holds %(pages)s pages; give it under a name that ends with .tif, and each is read, or save each as a "
        "picture of its own"
    ),
    "which_page": mark("it holds %(pages)s pages; say which one is meant with ?page=1 to ?page=%(pages)s"),
    "no_such_page": mark("it has no page %(page)s; its pages are numbered from 1 to %(pages)s"),
    "too_many_pages": mark("it holds %(pages)s pages, more than the %(most)s allowed in one file; split it"),
    "endless_pages": mark("it holds more than %(pages)s pages; at most %(most)s are allowed in one file; split it"),
    "too_many_cells_in_file": mark("it holds %(cells)s cells; send at most %(most)s at a time"),
    "pages_too_large": mark(
        "its %(pages)s pages have %(pixels)s million pixels, more than the %(most)s million allowed in one file; "
        "split it"
    ),
    "pages_missing": mark("it says to hold %(promised)s pages and holds %(pages)s; export it again"),
    "only_a_preview": mark("it holds only a small copy of the photograph, as raw files of cameras do; save it as TIFF"),
    "unknown_compression": mark(
        "its compression (%(compression)s) cannot be read; save it as PNG, or as TIFF with LZW or none"
    ),
    "unknown_samples": mark("its samples are of no kind that a camera writes; save it as 8-bit RGB"),
    "too_much_memory": mark("it needs %(needed)s MB for one picture; save it as 8-bit RGB"),
    "pages_no_pictures": mark("its pages are no pictures (they extend along %(axes)s); save them as 8-bit RGB"),
    "unknown_colours": mark("its colours (%(colours)s, %(samples)s samples) cannot be read; save it as 8-bit RGB"),
    "unknown_channels": mark(
        "it holds %(channels)s channels of one field, of which none is said to be red, green or blue; in ImageJ choose "
        "Image, Type, RGB Color, and save that"
    ),
    "folder_not_opened": mark("the folder cannot be opened (%(detail)s)"),
    "broken_link": mark("it is a link to a file that is not there; copy the file itself"),
    "no_file": mark("it is no file that can be read, such as a pipe or a device"),
    "not_unpacked": mark("it cannot be unpacked (%(detail)s); unpack the archive and give the folder"),
    "archive_not_opened": mark("it is not a zip archive that can be opened (%(detail)s); copy it again"),
    "archives_too_deep": mark("more than %(most)s archives lie in each other; unpack them and give the folder"),
    "archives_too_large": mark("archives in archives hold more than %(most)s MB; unpack them and give the folder"),
    "program_failed": mark("the program failed on it (%(detail)s); please report this"),
}

_FILES = {
    "file_not_read": mark("%(file)s cannot be read (%(detail)s)."),
    "no_performance_file": mark(
        "%(file)s holds no measured performance: %(detail)s. Give the file that 'plasmoscope evaluate-fields "
        "--performance' wrote."
    ),
    "no_profile_file": mark(
        "%(file)s holds no profile: %(detail)s. Give the name of one that 'plasmoscope adapt' made."
    ),
}

_ANALYSIS = {
    "red_cells_impossible": mark("%(number)s red cells per microlitre is no count of blood; give it as 4500000."),
    "haematocrit_impossible": mark("A haematocrit of %(number)s %% is not possible; give it in percent, as 42."),
    "impossible_count": mark("%(infected)s infected of %(counted)s counted cells is no count."),
    "not_measured": mark(
        "How well the program reads this laboratory's slides has not been measured. Its own figures hold for the "
        "NIH's slides, which it learnt from; on other laboratories' photographs it found %(least_found)s to "
        "%(most_found)s %% of the parasites and made %(least_false)s to %(most_false)s false calls per 1,000 cells. "
        "Measure yours: 'plasmoscope evaluate-fields' on your own annotated photographs."
    ),
    "corrects_no_count": mark("What was measured on slides of %(laboratory)s corrects no count: %(why)s."),
    "letterhead_text": mark(
        "Give the laboratory's name and at most %(lines)s lines of its address, each of at most 200 characters."
    ),
    "logo_too_large": mark("The logo is larger than %(most)s KB; save it smaller."),
    "logo_too_many_pixels": mark("The logo has more than %(most)s million pixels; save it smaller."),
    "logo_unreadable": mark("The logo cannot be read; give a PNG or JPEG file."),
    "measures_nothing": mark("These photographs measure nothing to correct counts with: %(detail)s."),
    "too_few_measured": mark(
        "%(infected)s infected and %(others)s other cells are too few to tell how often the program errs. Annotate "
        "photographs with at least %(least_infected)s infected and %(least_others)s other cells that it counts, of as "
        "many patients as you can"
    ),
    "not_all_annotated": mark(
        "%(counted)s cells were counted where %(annotated)s red cells are annotated. Either not all are annotated, or "
        "the program cannot read these photographs"
    ),
    "hardly_better_than_chance": mark(
        "with a sensitivity of %(sensitivity_percent)s and a specificity of %(specificity_percent)s its calls are "
        "hardly better than chance"
    ),
    "measured_otherwise": mark(
        "What was measured on slides of %(laboratory)s was measured with another %(what)s: %(then)s, and now it is "
        "%(now)s, for which it does not hold. Measure again with 'plasmoscope evaluate-fields', or call cells as was "
        "done then."
    ),
    "what_version": mark("version of Plasmoscope"),
    "what_model": mark("model, by its SHA-256"),
    "what_threshold": mark("threshold"),
    "what_views": mark("number of views"),
    "what_profile": mark("profile"),
}

_PROFILES = {
    "profile_name": mark(
        "A profile is named with letters from A to Z, digits, hyphens and underscores, at most 64, such as "
        "kisumu-2026; not '%(name)s'."
    ),
    "profile_of_another_model": mark(
        "The profile '%(profile)s' was made for the model %(model)s and does not fit this one. Make it anew with "
        "'plasmoscope adapt', or analyse without it."
    ),
    "no_profile": mark("There is no profile '%(profile)s'; it may have been taken back."),
    "no_profile_among": mark("There is no profile '%(profile)s'. Profiles: %(profiles)s."),
    "no_profile_yet": mark("There is no profile '%(profile)s': there are none yet; 'plasmoscope adapt' makes one."),
    "profile_no_better": mark(
        "No profile was made, since none would call cells better than the model does by itself: judged on cells that "
        "it had not seen, each was no better, or it unlearnt what the model knows. Call more cells, of several slides, "
        "above all those that the model calls wrongly, and check the calls made so far."
    ),
    "too_few_called": mark(
        "A profile needs at least %(least)s cells that people called, %(least_of_a_kind)s of them infected and "
        "%(least_of_a_kind)s not; there are %(infected)s infected and %(others)s others. Call more cells."
    ),
    "familiar_missing": mark(
        "%(file)s is missing or damaged: it holds cells that the model learnt from, without which a profile might "
        "unlearn them. Copy it from where the model is from; 'plasmoscope train' writes it beside its model."
    ),
    "familiar_of_another_model": mark(
        "%(file)s belongs to another model than lies beside it. Copy the file of the same training run there."
    ),
    "profile_in_making": mark("The profile '%(profile)s' is being made; begin another when it is finished."),
}

_RECORDS = {
    "no_slide": mark("There is no slide number %(slide)s; it may have been deleted."),
    "no_field": mark("There is no field number %(field)s; it may have been deleted."),
    "no_account": mark("There is no account number %(account)s."),
    "no_patient": mark("There is no patient with the code %(patient)s."),
    "no_camera": mark(
        "No folder of a camera %(camera)s is watched; start 'plasmoscope watch' or 'plasmoscope serve --watch'."
    ),
    "camera_elsewhere": mark("The pictures of the camera %(camera)s go to another slide, or to none; look again."),
    "too_many_cameras": mark("More than %(most)s cameras are known already; give this one a name that is known."),
    "no_photograph": mark("There is no such photograph."),
    "no_cell": mark("%(field)s has no cell %(cell)s; its cells are numbered 1 to %(cells)s."),
    "no_upload": mark(
        "There is no such unfinished upload; it has ended, was given up, or lay still for a day. Send the file again."
    ),
    "upload_is_at": mark("The upload goes on at byte %(offset)s; ask where it is, and send what follows."),
    "upload_too_long": mark("More was sent than the %(length)s bytes that the file was said to have."),
    "slide_signed": mark(
        "Slide %(slide)s was signed by %(signer)s and cannot be changed; reopen it with a reason first."
    ),
    "slide_changed": mark("Slide %(slide)s has changed since you looked at it; look again before you sign."),
    "photographs_unfinished": mark("%(photographs)s photographs are not analysed yet; wait for them or cancel them."),
    "nothing_to_sign": mark("Slide %(slide)s has no analysed photograph; there is nothing to sign."),
    "not_looked_at": mark(
        "Nobody has looked at %(cells)s of the cells that the program called infected or is uncertain of; look at "
        "them, or confirm that you sign all the same."
    ),
    "nothing_to_report": mark("No photograph of slide %(slide)s is analysed yet, so there is nothing to report."),
    "blinded": mark(
        "This slide is being read by people who must not know of each other's result. You see it when all are done."
    ),
    "of_panel": mark("This slide belongs to a panel; it is shown on the panel's own pages alone."),
    "no_patients_slide": mark("%(slide)s is a slide of a panel or a control and no patient's; this cannot be done."),
    "name_needed": mark("Give a name of at most %(most)s characters."),
    "name_taken": mark("There is one with the name %(name)s already; give another."),
    "no_panel": mark("There is no such panel, or it has no such slide."),
    "no_taking": mark("You have not begun to read this panel."),
    "panel_full": mark("A panel has at most %(most)s slides."),
    "panel_empty": mark("This panel has no slide; add some before you open it."),
    "panel_opened": mark("The panel %(panel)s was opened, and its slides stay as they are; make another panel."),
    "panel_not_open": mark("The panel %(panel)s is not open to be read."),
    "panel_read": mark("You have read the panel %(panel)s; it is read once."),
    "panel_own": mark("You made the panel %(panel)s and know its truth; others read it."),
    "slide_answered": mark("You have answered this slide; an answer stays as it is."),
    "no_signed_slide": mark("There is no signed slide %(slide)s; review it and sign it first."),
    "several_slides": mark("Several patients have a slide %(slide)s; give one of them another ID first."),
    "no_control": mark("There is no such control slide."),
    "no_such_control_kind": mark("A control is %(kinds)s; not '%(kind)s'."),
    "mean_and_deviation": mark(
        "Give both an expected mean, 0 to 100 %%, and a standard deviation above 0, or neither of the two."
    ),
    "control_ended": mark("The control slide %(control)s was given up."),
    "photograph_not_new": mark(
        "%(field)s was taken for an earlier reading of this control already; photograph the slide anew."
    ),
    "no_number": mark("'%(text)s' is no number; write one such as 0.5."),
    "count_impossible": mark("Give a count above 0 and of at most %(most)s, or none."),
    "negative_holds_none": mark("A slide without parasites has neither species nor count."),
    "readings_not_done": mark("Not all who were asked to read slide %(slide)s are done; sign it then."),
    "sheet_stays": mark("%(slide)s is one reader's part of a slide and goes with it; delete the slide itself."),
    "read_by_several": mark("Several people read these photographs, so none can be added or analysed anew."),
    "reading_done": mark("%(reader)s has finished reading this slide, and a finished reading stays as it is."),
    "readings_asked": mark("Slide %(slide)s is being read by several people already."),
    "no_readings": mark("Nobody was asked for another reading of this slide."),
    "no_third_needed": mark("This slide waits for no third reader."),
    "not_your_reading": mark("This reading is %(reader)s's; only they can finish it."),
    "no_such_reader": mark("%(name)s cannot read slides: name somebody who logs in as technician or administrator."),
    "same_reader": mark("Each reading must be by another person; %(name)s reads this slide already."),
    "reader_not_blind": mark("%(name)s has looked at cells of this slide already and would not read it blinded."),
    "nothing_to_read": mark("Slide %(slide)s has no counted cell; there is nothing to read."),
    "no_such_rule": mark("A rule is %(rules)s; not '%(rule)s'."),
    "readings_need_accounts": mark(
        "Where nobody logs in, nobody can be kept from seeing another's result. Start the workstation for a network, "
        "with accounts."
    ),
    "slide_open": mark("Slide %(slide)s is open already."),
    "slide_taken": mark("Patient %(patient)s has a slide %(slide)s already; open that one."),
    "not_deleted": mark("No slide number %(slide)s is deleted; it may have been put back."),
    "moved_nowhere": mark("%(field)s is on this slide already; choose another."),
    "photograph_taken": mark("Slide %(slide)s has the photograph %(field)s already; remove it from this one."),
    "photograph_removed": mark(
        "%(field)s was removed from this slide (%(reason)s); put it back on the slide's page if it belongs there."
    ),
    "not_removed": mark("%(field)s is not removed."),
    "merged_with_itself": mark("Patient %(patient)s is one patient; give the code of another."),
    "merged_before": mark(
        "Others were merged into patient %(patient)s; merge patient %(into)s into that one, or undo those merges first."
    ),
    "slide_of_both": mark(
        "Both patients %(patient)s and %(other)s have a slide %(slide)s; change the ID of one of these slides first."
    ),
    "not_merged": mark("Patient %(patient)s is not merged into patient %(into)s."),
    "signed_since_merge": mark(
        "Slides %(slides)s were signed under the code %(patient)s since; reopen them with a reason first."
    ),
    "day_to_come": mark("%(day)s is yet to come; give the day on which it was done."),
    "age_impossible": mark("Nobody is %(years)s years old; give an age from 0 to %(most)s, as 0.5 for half a year."),
    "no_such_sex": mark("Sex is %(sexes)s, or is not told; not '%(sex)s'."),
    "visit_day_impossible": mark("A visit is on day 0 to %(most)s of a follow-up; not on day %(day)s."),
    "reason_missing": mark("Give a reason; it is kept with the record."),
    "patient_missing": mark("Give the patient's code."),
    "slide_code_missing": mark("Give the slide's code."),
    "text_too_long": mark("The %(name)s is longer than %(most)s characters; shorten it."),
    "analysis_ended": mark("The analysis of %(field)s has ended; reject the field if it should not count."),
    "needs_no_analysis": mark("%(field)s needs no other analysis: it waits for one already, or is counted."),
    "not_left_out": mark("%(field)s is not left out for showing the same place as another photograph."),
    "not_analysed": mark("%(field)s is not analysed yet; its cells can be called once it is."),
    "no_such_call": mark("A cell is called %(calls)s; not '%(call)s'."),
    "outline_corners": mark("An outline has 3 to %(most)s corners; draw around the cell."),
    "outline_empty": mark("What is drawn encloses next to nothing; draw around the cell."),
    "line_too_short": mark("Draw a line from one side of the cell to the other."),
    "line_parts_nothing": mark(
        "The line does not part the cell in two; draw it from one side of the cell to the other."
    ),
    "too_few_pieces": mark("Choose at least two pieces to join."),
    "pieces_apart": mark("These lie apart; join pieces of one cell only."),
    "no_such_drawing": mark("Draw it as %(calls)s; not '%(call)s'."),
    "no_such_note": mark("Note %(notes)s; not '%(note)s'."),
    "not_editable": mark("The cells of %(field)s can be changed once it is analysed and counted."),
    "nothing_to_undo": mark("Nothing on %(field)s is left to undo."),
    "nothing_to_redo": mark("Nothing on %(field)s is left to redo."),
    "account_name": mark("Give the account a name of at most %(most)s characters."),
    "account_taken": mark("There is an account %(name)s already."),
    "patients_of_other_sites": mark("One of them has slides of other sites too; ask an administrator to do this."),
    "site_not_yours": mark("Name one of your sites: %(sites)s; not '%(site)s'."),
    "no_site_of_yours": mark("You belong to no site, so you cannot record slides; ask an administrator for one."),
    "sites_given": mark("Give at most %(most)s sites of at most %(length)s characters each."),
    "no_such_role": mark("A role is %(roles)s; not '%(role)s'."),
    "password_length": mark("Give a password of %(least)s to %(most)s characters."),
    "nobody_logged_in": mark("Nobody is logged in here, so there is no password to change."),
    "last_admin": mark("%(name)s is the last admin; make another one first."),
    "records_not_opened": mark(
        "The database of %(folder)s cannot be opened (%(detail)s). Check that it runs and that its address, name and "
        "password are right."
    ),
    "records_of_later_version": mark(
        "The records in %(folder)s were written by a later version of Plasmoscope (%(detail)s). Update the program."
    ),
    "no_records": mark("%(folder)s holds no records of slides. Check the path."),
    "database_address": mark("The database's address is not of the form postgresql://user:password@host/name."),
    "database_kind": mark("Records are kept in SQLite or PostgreSQL, not in %(kind)s."),
    "backup_exists": mark("%(folder)s exists already; name a new folder for the backup."),
    "records_exist": mark(
        "%(folder)s or its database holds records already; restore into a new folder and an empty database."
    ),
    "backup_incomplete": mark(
        "The photograph %(photograph)s is missing; run 'plasmoscope doctor' first to see what it is."
    ),
    "cells_exist": mark(
        "%(folder)s holds cells already, which people may have called otherwise since. Name a new folder."
    ),
}

_REQUESTS = {
    "log_in_first": mark("Log in first."),
    "session_locked": mark("This was locked, since nobody used it for a while; unlock it with your password."),
    "openid_failed": mark("Logging in with your organisation's account did not work; try it again from the start."),
    "openid_unknown": mark("%(name)s has no account here that may log in; ask an administrator for one."),
    "wrong_login": mark("Name and password do not fit."),
    "wrong_password": mark("The old password is wrong."),
    "too_many_wrong_passwords": mark("Too many wrong passwords; wait %(seconds)s seconds."),
    "role_needed": mark("This takes the role %(needed)s; you are logged in as %(role)s."),
    "role_reader": mark("Reader"),
    "role_technician": mark("Technician"),
    "role_admin": mark("Administrator"),
    "wrong_host": mark("This workstation answers on this machine alone."),
    "other_site": mark(
        "This came from another page than the workstation's own, or from a browser that does not tell. Open the "
        "workstation in an up-to-date browser, and let a proxy before it pass the header Host on; programs send the "
        "header %(header)s."
    ),
    "accept_first": mark("Accept on the page /welcome what the program is for."),
    "much_comes_in": mark("Other files are being sent just now; send this one again in a moment."),
    "too_slow": mark("This came in too slowly; check the connection and send it again."),
    "body_too_large": mark("This is more than %(most)s MB; send smaller files."),
    "upload_too_large": mark("The file is larger than %(most)s MB; save it smaller."),
    "too_many_cells": mark("Send at most %(most)s cells at a time."),
    "queue_full": mark("%(photographs)s photographs wait already; send this one again in a moment."),
    "another_analysed": mark("Another photograph is being analysed; send this one again."),
    "much_to_do": mark("The workstation has much to do just now; try again in a moment."),
    "work_ended": mark("The system ended this piece of work, perhaps for lack of memory. Try a smaller picture."),
    "records_away": mark("The records cannot be reached just now; try again in a moment."),
    "nothing_kept": mark("Nothing was kept: %(detail)s."),
    "not_installed": mark("This needs something that is not installed on the workstation. %(detail)s"),
    "workstation_failed": mark(
        "The workstation failed, not you (%(detail)s). Nothing that was saved is lost; try again in a moment."
    ),
    "no_such_address": mark("There is no such address."),
    "no_such_method": mark("This address takes no request of this method."),
    "no_such_file": mark("There is no such file; choose from %(files)s."),
    "no_one_place": mark("No one place stands out: the call rests on the cell as a whole."),
    "signer_missing": mark("Give your name; the slide is signed with it."),
    "not_taken": mark("Not taken: %(photographs)s"),
    "request_unreadable": mark("What was sent cannot be read (%(detail)s)."),
    "request_refused": mark("This request is refused (%(detail)s)."),
}

# By what Pydantic calls each fault, as far as requests have it.
_VALUES = {
    "value_missing": mark("%(place)s is missing."),
    "value_unknown": mark("%(place)s is none of what can be given here."),
    "value_too_long": mark("%(place)s may have at most %(most)s characters."),
    "value_too_short": mark("%(place)s must have at least %(least)s characters."),
    "value_too_small": mark("%(place)s must be at least %(least)s."),
    "value_too_large": mark("%(place)s must be at most %(most)s."),
    "value_not_whole": mark("%(place)s must be a whole number."),
    "value_no_number": mark("%(place)s must be a number."),
    "value_no_text": mark("%(place)s must be text."),
    "value_no_date": mark("%(place)s must be a date, such as 2026-11-26."),
    "value_not_true_or_false": mark("%(place)s must be true or false."),
    "value_none_of": mark("%(place)s must be one of these: %(choices)s."),
    "no_json": mark("What was sent is no JSON (%(detail)s)."),
    "value_unusable": mark("%(place)s: %(detail)s"),
}

ERRORS: Mapping[str, str] = {
    **_IMAGES,
    **_FILES,
    **_ANALYSIS,
    **_PROFILES,
    **_RECORDS,
    **_REQUESTS,
    **_VALUES,
}
"""By their codes."""
