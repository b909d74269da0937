package wire

import (
	"errors"
	"fmt"

	"stockpush/schemas"
	"stockpush/schemas/internal/protobuf"
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
func AppendReport(b []byte, r *schemas.Report) []byte {
	return protobuf.PutBytes(b, recordsReport, packReport(r))
}

// EncodeReport returns a report as a message of its own.
func EncodeReport(r *schemas.Report) []byte { return AppendReport(BeginRecords(nil), r) }

func packReport(r *schemas.Report) []byte {
	b := protobuf.PutText(nil, reportShop, r.Shop.String())
	b = protobuf.PutText(b, reportStoreSKU, r.StoreSKU)
	b = protobuf.PutUint(b, reportEpoch, uint64(r.Version.Epoch))
	b = protobuf.PutTime(b, reportAt, r.Version.At)
	switch {
	case r.Progress != nil:
		return protobuf.PutBytes(b, reportProgress, packProgress(r.Progress))
	case r.Status != nil:
		return protobuf.PutBytes(b, reportStatus, packStatus(r.Status))
	default:
		return protobuf.PutBytes(b, reportInfo, packInfo(r.Info))
	}
}

func packInfo(i *schemas.ShopInfo) []byte {
	b := protobuf.PutTime(protobuf.PutText(nil, 1, i.Name), 2, i.AuthorizationEndsAt)
	if i.Nameless {
		b = protobuf.PutUint(b, 3, 1)
	}
	return b
}

func packProgress(p *schemas.Progress) []byte {
	b := protobuf.PutUint(nil, 1, uint64(p.Position.LogID))
	b = protobuf.PutInt(b, 2, int64(p.Position.Partition))
	b = protobuf.PutInt(b, 3, p.Position.Offset)
	b = protobuf.PutUint(b, 4, uint64(p.Attempts))
	b = protobuf.PutText(b, 5, string(p.Code))
	b = protobuf.PutText(b, 6, schemas.Cut(p.Answer, schemas.MaxFailureReasonBytes))
	return protobuf.PutTime(b, 7, p.Next)
}

func packStatus(s *schemas.ShopStatus) []byte {
	b := protobuf.PutUint(nil, 1, uint64(s.State))
	b = protobuf.PutTime(b, 2, s.Since)
	b = protobuf.PutTime(b, 3, s.Until)
	b = protobuf.PutText(b, 4, string(s.Code))
	return protobuf.PutText(b, 5, schemas.Cut(s.Message, schemas.MaxFailureReasonBytes))
}

var errReport = errors.New("a report without a shop, or of none of the known kinds")

func decodeReport(r *schemas.Report, b []byte) error {
	*r = schemas.Report{}
	from := protobuf.Reader{Tail: b}
	for from.Next() {
		from.Stop(setReport(r, &from.Field))
	}
	if from.Err == nil && (r.Shop.Channel == "" || r.Progress == nil && r.Status == nil && r.Info == nil) {
		from.Err = errReport
	}
	if from.Err != nil {
		return fmt.Errorf("report: %w", from.Err)
	}
	return nil
}

func setReport(r *schemas.Report, f *protobuf.Field) (err error) {
	switch f.Num {
	case reportShop:
		r.Shop, err = schemas.ParseShop(f.Text())
	case reportStoreSKU:
		r.StoreSKU = f.Text()
	case reportEpoch:
		r.Version.Epoch = int64(f.Value)
	case reportAt:
		r.Version.At = f.Time()
	case reportProgress:
		r.Progress = new(schemas.Progress)
		err = setEach(r.Progress, f.Bytes, setProgress)
	case reportStatus:
		r.Status = new(schemas.ShopStatus)
		err = setEach(r.Status, f.Bytes, setStatus)
	case reportInfo:
		r.Info = new(schemas.ShopInfo)
		err = setEach(r.Info, f.Bytes, setInfo)
	}
	return err
}

func setEach[T any](to *T, b []byte, set func(*T, *protobuf.Field)) error {
	from := protobuf.Reader{Tail: b}
	for from.Next() {
		set(to, &from.Field)
	}
	return from.Err
}

func setProgress(p *schemas.Progress, f *protobuf.Field) {
	switch f.Num {
	case 1:
		p.Position.LogID = uint16(f.Value)
	case 2:
		p.Position.Partition = int32(f.Int())
	case 3:
		p.Position.Offset = f.Int()
	case 4:
		p.Attempts = uint16(f.Value)
	case 5:
		p.Code = schemas.FailureCode(f.Text())
	case 6:
		p.Answer = f.Text()
	case 7:
		p.Next = f.Time()
	}
}

func setStatus(s *schemas.ShopStatus, f *protobuf.Field) {
	switch f.Num {
	case 1:
		s.State = schemas.ShopState(f.Value)
	case 2:
		s.Since = f.Time()
	case 3:
		s.Until = f.Time()
	case 4:
		s.Code = schemas.FailureCode(f.Text())
	case 5:
		s.Message = f.Text()
	}
}

func setInfo(i *schemas.ShopInfo, f *protobuf.Field) {
	switch f.Num {
	case 1:
		i.Name = f.Text()
	case 2:
		i.AuthorizationEndsAt = f.Time()
	case 3:
		i.Nameless = f.Value != 0
	}
}
