package schemas

import (
	"errors"
	"fmt"
)

// recordsReport is the field of a report in a message of the records topic.
const recordsReport = 4

// The fields of a report.
const (
	reportShop = iota + 1
	reportStoreSKU
	reportEpoch
	reportAt
	reportProgress
	reportStatus
	reportInfo
)

// AppendReport adds a report to a message of the records topic. Readers that do not know reports
// ignore it.
func AppendReport(b []byte, r *Report) []byte {
	return putBytes(b, recordsReport, packReport(r))
}

// EncodeReport returns a report as a message of its own.
func EncodeReport(r *Report) []byte { return AppendReport(BeginRecords(nil), r) }

func packReport(r *Report) []byte {
	b := putText(nil, reportShop, r.Shop.String())
	b = putText(b, reportStoreSKU, r.StoreSKU)
	b = putUint(b, reportEpoch, uint64(r.Version.Epoch))
	b = putTime(b, reportAt, r.Version.At)
	switch {
	case r.Progress != nil:
		return putBytes(b, reportProgress, packProgress(r.Progress))
	case r.Status != nil:
		return putBytes(b, reportStatus, packStatus(r.Status))
	default:
		return putBytes(b, reportInfo, putTime(putText(nil, 1, r.Info.Name), 2, r.Info.AuthorizationEndsAt))
	}
}

func packProgress(p *Progress) []byte {
	b := putUint(nil, 1, uint64(p.Position.LogID))
	b = putInt(b, 2, int64(p.Position.Partition))
	b = putInt(b, 3, p.Position.Offset)
	b = putUint(b, 4, uint64(p.Attempts))
	b = putText(b, 5, string(p.Code))
	b = putText(b, 6, Cut(p.Answer, MaxFailureReasonBytes))
	return putTime(b, 7, p.Next)
}

func packStatus(s *ShopStatus) []byte {
	b := putUint(nil, 1, uint64(s.State))
	b = putTime(b, 2, s.Since)
	b = putTime(b, 3, s.Until)
	b = putText(b, 4, string(s.Code))
	return putText(b, 5, Cut(s.Message, MaxFailureReasonBytes))
}

var errReport = errors.New("a report without a shop, or of none of the known kinds")

func decodeReport(r *Report, b []byte) error {
	*r = Report{}
	from := reader{tail: b}
	for from.next() {
		from.stop(setReport(r, &from.field))
	}
	if from.err == nil && (r.Shop.Channel == "" || r.Progress == nil && r.Status == nil && r.Info == nil) {
		from.err = errReport
	}
	if from.err != nil {
		return fmt.Errorf("report: %w", from.err)
	}
	return nil
}

func setReport(r *Report, f *field) (err error) {
	switch f.num {
	case reportShop:
		r.Shop, err = ParseShop(f.text())
	case reportStoreSKU:
		r.StoreSKU = f.text()
	case reportEpoch:
		r.Version.Epoch = int64(f.value)
	case reportAt:
		r.Version.At = f.time()
	case reportProgress:
		r.Progress = new(Progress)
		err = setEach(r.Progress, f.bytes, setProgress)
	case reportStatus:
		r.Status = new(ShopStatus)
		err = setEach(r.Status, f.bytes, setStatus)
	case reportInfo:
		r.Info = new(ShopInfo)
		err = setEach(r.Info, f.bytes, setInfo)
	}
	return err
}

func setEach[T any](to *T, b []byte, set func(*T, *field)) error {
	from := reader{tail: b}
	for from.next() {
		set(to, &from.field)
	}
	return from.err
}

func setProgress(p *Progress, f *field) {
	switch f.num {
	case 1:
		p.Position.LogID = uint16(f.value)
	case 2:
		p.Position.Partition = int32(f.int())
	case 3:
		p.Position.Offset = f.int()
	case 4:
		p.Attempts = uint16(f.value)
	case 5:
		p.Code = FailureCode(f.text())
	case 6:
		p.Answer = f.text()
	case 7:
		p.Next = f.time()
	}
}

func setStatus(s *ShopStatus, f *field) {
	switch f.num {
	case 1:
		s.State = ShopState(f.value)
	case 2:
		s.Since = f.time()
	case 3:
		s.Until = f.time()
	case 4:
		s.Code = FailureCode(f.text())
	case 5:
		s.Message = f.text()
	}
}

func setInfo(i *ShopInfo, f *field) {
	switch f.num {
	case 1:
		i.Name = f.text()
	case 2:
		i.AuthorizationEndsAt = f.time()
	}
}
